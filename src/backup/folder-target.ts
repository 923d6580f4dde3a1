import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, open, opendir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { systemCode } from '#blobs/disk-errors.ts';
import { Folders } from '#blobs/folders.ts';
import { lockFolder } from '#log/embedded/folder-lock.ts';
import { errors } from '../errors.ts';
import type { BackupTarget, TargetFile } from './target.ts';

/** Files on their way; what a killed process left here is removed by the next one. */
const INCOMING = 'incoming';

/** A folder as a target: written under another name, synced, renamed, and the folder synced. */
export async function openFolderTarget(dir: string): Promise<BackupTarget> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  return new FolderTarget(dir);
}

class FolderTarget implements BackupTarget {
  readonly url: string;
  readonly #folders: Folders;
  readonly #incoming: string;

  constructor(dir: string) {
    this.url = dir;
    this.#folders = new Folders(dir);
    this.#incoming = join(dir, INCOMING);
  }

  async lock(): Promise<() => void> {
    const lock = lockFolder(this.url);
    await rm(this.#incoming, { recursive: true, force: true });
    return () => lock.release();
  }

  async put(name: string, source: AsyncIterable<Uint8Array>): Promise<void> {
    const path = this.#path(name);
    await this.#folders.make(dirname(path));
    await mkdir(this.#incoming, { recursive: true });
    const temporary = join(this.#incoming, randomUUID());
    // `flush` syncs before the file is closed.
    await pipeline(source, createWriteStream(temporary, { mode: 0o600, flush: true }));
    await rename(temporary, path);
    await this.#folders.sync(dirname(path));
  }

  async get(name: string): Promise<Readable> {
    const handle = await open(this.#path(name), 'r').catch(noneWhenMissing);
    if (handle === null) throw errors.error('backup.damaged', `${name} is missing in ${this.url}`);
    return handle.createReadStream();
  }

  async size(name: string): Promise<number | null> {
    return (await stat(this.#path(name)).catch(noneWhenMissing))?.size ?? null;
  }

  async *list(folder: string): AsyncIterable<TargetFile> {
    const entries = await opendir(this.#path(folder), { recursive: true }).catch(noneWhenMissing);
    if (entries === null) return;
    for await (const entry of entries) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      const file = await stat(path).catch(noneWhenMissing);
      if (file !== null) yield { name: relative(this.url, path).split(sep).join('/'), bytes: file.size };
    }
  }

  async remove(name: string): Promise<void> {
    await rm(this.#path(name), { force: true });
  }

  #path(name: string): string {
    return join(this.url, name);
  }
}

function noneWhenMissing(error: unknown): null {
  if (systemCode(error) === 'ENOENT') return null;
  throw error;
}
