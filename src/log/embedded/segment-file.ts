import { dirname } from 'node:path';
import type { Disk, DiskFile } from './disk.ts';
import { encodeSegmentHeader, type SegmentHeader, segmentPath } from './segment-header.ts';

/**
 * Makes a segment that is there whole or not at all: written and synced under another name, renamed, and the folder synced.
 * A file of the same number from an earlier try, which holds no group, is replaced.
 */
export async function createSegment(
  disk: Disk,
  dir: string,
  header: SegmentHeader,
  synced: boolean,
): Promise<DiskFile> {
  const path = segmentPath(dir, header.number);
  const temporary = `${path}.tmp`;
  const file = await disk.create(temporary, synced);
  try {
    await file.write(encodeSegmentHeader(header), 0);
    await file.sync();
    await disk.rename(temporary, path);
    await disk.syncFolder(dirname(path));
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}
