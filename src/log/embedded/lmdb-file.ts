import { closeSync, existsSync, fstatSync, ftruncateSync, openSync, readSync } from 'node:fs';
import { assert } from '../../assert.ts';

/** Where LMDB's two meta pages, which lmdb-js gives a header of 24 bytes, say what they are. */
const AT_MAGIC = 24;
const AT_PAGE_BYTES = 48;
const AT_LAST_PAGE = 144;
const META_BYTES = 152;
const MAGIC = 0xbeefc0de;
const PAGE_BYTES_MIN = 512;

/**
 * Looks whether the file is an LMDB file of full length. LMDB maps the file and believes it: one that is not,
 * or is cut short, would end the process by a signal.
 *
 * @throws Error where it is not; there may be none, or an empty one.
 */
export function requireWholeTree(path: string): void {
  if (!existsSync(path)) return;
  const fd = openSync(path, 'r');
  try {
    const { size } = fstatSync(fd);
    if (size === 0) return;
    const wholeBytes = readWholeBytes(fd);
    assert(size >= wholeBytes, `${path} has ${wholeBytes} bytes`);
  } finally {
    closeSync(fd);
  }
}

/**
 * Makes the file as long as it says it is: after a commit it may be shorter, because LMDB does not write the last pages when
 * they were given back in the transaction that took them.
 */
export function extendToWhole(fd: number): void {
  const wholeBytes = readWholeBytes(fd);
  if (fstatSync(fd).size < wholeBytes) ftruncateSync(fd, wholeBytes);
}

function readWholeBytes(fd: number): number {
  const first = readMeta(fd, 0);
  const second = readMeta(fd, first.pageBytes);
  return (Math.max(first.lastPage, second.lastPage) + 1) * first.pageBytes;
}

function readMeta(fd: number, position: number): { pageBytes: number; lastPage: number } {
  const bytes = Buffer.alloc(META_BYTES);
  readSync(fd, bytes, 0, META_BYTES, position);
  assert(bytes.readUInt32LE(AT_MAGIC) === MAGIC, 'an LMDB file has two meta pages');
  const pageBytes = bytes.readUInt32LE(AT_PAGE_BYTES);
  assert(pageBytes >= PAGE_BYTES_MIN, 'an LMDB file tells the size of its pages');
  return { pageBytes, lastPage: Number(bytes.readBigUInt64LE(AT_LAST_PAGE)) };
}
