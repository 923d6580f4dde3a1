import { close, fdatasync, fsync, ftruncate, open, rename, write } from 'node:fs';
import { promisify } from 'node:util';

/** A file open for writing. */
export interface DiskFile {
  /** Writes all the bytes at the position. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** fdatasync: what was written is on the disk when it resolves. */
  sync(): Promise<void>;
  truncate(bytes: number): Promise<void>;
  close(): Promise<void>;
}

/** What the log's writer does to the disk: few operations, so that tests can make each of them fail. */
export interface Disk {
  open(path: string, flags: 'r+' | 'w'): Promise<DiskFile>;
  rename(from: string, to: string): Promise<void>;
  syncFolder(path: string): Promise<void>;
}

const openAsync = promisify(open);
const writeAsync = promisify(write);
const fdatasyncAsync = promisify(fdatasync);
const fsyncAsync = promisify(fsync);
const ftruncateAsync = promisify(ftruncate);
const closeAsync = promisify(close);

export const nodeDisk: Disk = {
  async open(path, flags) {
    const fd = await openAsync(path, flags, 0o600);
    return {
      async write(bytes, position) {
        for (let done = 0; done < bytes.length; ) {
          const { bytesWritten } = await writeAsync(fd, bytes, done, bytes.length - done, position + done);
          done += bytesWritten;
        }
      },
      sync: () => fdatasyncAsync(fd),
      truncate: (bytes) => ftruncateAsync(fd, bytes),
      close: () => closeAsync(fd),
    };
  },
  rename: promisify(rename),
  async syncFolder(path) {
    const fd = await openAsync(path, 'r');
    try {
      await fsyncAsync(fd);
    } finally {
      await closeAsync(fd);
    }
  },
};
