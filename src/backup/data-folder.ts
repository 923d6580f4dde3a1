import { join } from 'node:path';
import type { Config } from '../config.ts';

/** Where a server keeps what cannot be derived. */
export type DataFolder = {
  readonly dir: string;
  readonly logDir: string;
  readonly blobsDir: string;
  readonly keysDir: string;
  readonly proofDir: string;
};

export function dataFolderOf({ dataDir, log, blobs }: Pick<Config, 'dataDir' | 'log' | 'blobs'>): DataFolder {
  return { ...dataFolderIn(dataDir), logDir: log.dir, blobsDir: blobs.dir };
}

/** A data folder with everything at its usual place. */
export function dataFolderIn(dir: string): DataFolder {
  return {
    dir,
    logDir: join(dir, 'log'),
    blobsDir: join(dir, 'blobs'),
    keysDir: join(dir, 'keys'),
    proofDir: join(dir, 'tree'),
  };
}
