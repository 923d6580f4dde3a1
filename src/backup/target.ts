import type { Readable } from 'node:stream';

export type TargetFile = { readonly name: string; readonly bytes: number };

/**
 * Where a backup is kept: named files that are there whole or not at all. Names are made of `/`, digits, lower-case letters,
 * `-` and `.`.
 */
export interface BackupTarget {
  /** As a person writes it. */
  readonly url: string;
  /** Keeps other backups out until it is called again; a target that cannot tell lets all in. @throws log.locked */
  lock(): Promise<() => void>;
  /** Resolves when all of it is durable; a file of the same name is replaced. `bytes` is the length of the source. */
  put(name: string, source: AsyncIterable<Uint8Array>, bytes: number): Promise<void>;
  /** A stream that must be read or destroyed. @throws backup.damaged where there is no such file. */
  get(name: string): Promise<Readable>;
  /** In bytes, or `null` where there is no such file. */
  size(name: string): Promise<number | null>;
  /** The files in a folder and those below it, in no order. */
  list(folder: string): AsyncIterable<TargetFile>;
  /** Does nothing where there is no such file. */
  remove(name: string): Promise<void>;
}

/** Opens a target: a folder, which is made, or `s3://bucket/prefix?endpoint=`. */
export async function openTarget(url: string): Promise<BackupTarget> {
  if (url.startsWith('s3://')) {
    // Loaded only when asked for.
    const { openBucketTarget } = await import('./bucket-target.ts');
    return openBucketTarget(url);
  }
  const { openFolderTarget } = await import('./folder-target.ts');
  return openFolderTarget(url);
}
