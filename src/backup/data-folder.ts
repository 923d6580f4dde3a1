import { join } from 'node:path';
import type { BlobsConfig, Config } from '../config.ts';

/** Where a server keeps what cannot be derived. */
export type DataFolder = {
  readonly dir: string;
  readonly logDir: string;
  readonly blobs: BlobsConfig;
  readonly keysDir: string;
  readonly proofDir: string;
};

export function dataFolderOf({ dataDir, log, blobs }: Pick<Config, 'dataDir' | 'log' | 'blobs'>): DataFolder {
  return { ...dataFolderIn(dataDir), logDir: log.dir, blobs };
}

/** A data folder with everything at its usual place. */
export function dataFolderIn(dir: string): DataFolder {
  return {
    dir,
    logDir: join(dir, 'log'),
    blobs: { engine: 'disk', dir: join(dir, 'blobs') },
    keysDir: join(dir, 'keys'),
    proofDir: join(dir, 'tree'),
  };
}
