import type { DiskFile } from './disk.ts';
import { readAt } from './group-walk.ts';

const COPIED_BYTES_MAX = 1024 * 1024;

/**
 * Writes what nothing proves to be on the disk once more, the bytes in [from, to) of the file, and syncs it. After a failed
 * sync the page cache may call pages clean that never reached the disk, and the process that saw the failure may be gone:
 * neither reading them nor another sync proves anything.
 */
export async function writeAgain(path: string, file: DiskFile, from: number, to: number): Promise<void> {
  for (let position = from; position < to; position += COPIED_BYTES_MAX) {
    const bytes = Buffer.allocUnsafe(Math.min(COPIED_BYTES_MAX, to - position));
    readAt(path, bytes, position);
    await file.write(bytes, position);
  }
  await file.sync();
}
