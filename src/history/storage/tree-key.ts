import { createHash } from 'node:crypto';
import { assert } from '../../assert.ts';
import type { SortValue } from '../projection.ts';

/**
 * A key of an LMDB tree: one character a byte (latin1), so that strings compare as their bytes do and are written without
 * a buffer of their own. Parts are order-preserving: a key sorts as its parts do.
 */
export type TreeKey = string;

export const OFFSET_BYTES = 6;
export const OFFSET_MAX: number = 2 ** (OFFSET_BYTES * 8) - 1;
const PART_BYTES_MAX = 400;

/** The text's UTF-8 bytes. */
export function textKey(text: string): TreeKey {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

export function keyText(key: TreeKey): string {
  return isAscii(key) ? key : Buffer.from(key, 'latin1').toString('utf8');
}

/** The key of a document: 1-255 bytes of UTF-8 without NUL. */
export function documentKey(key: string): TreeKey {
  const bytes = textKey(key);
  assert(bytes.length > 0 && bytes.length < 256 && !bytes.includes('\0'), 'a key is 1-255 bytes of UTF-8 without NUL');
  return bytes;
}

/** 48 bits, highest first. */
export function offsetKey(offset: number): TreeKey {
  const high = Math.floor(offset / 0x1000000);
  return String.fromCharCode(
    high >>> 16,
    (high >>> 8) & 0xff,
    high & 0xff,
    (offset >>> 16) & 0xff,
    (offset >>> 8) & 0xff,
    offset & 0xff,
  );
}

/** The offset whose six bytes begin at `at`. */
export function keyOffset(key: TreeKey, at = key.length - OFFSET_BYTES): number {
  let offset = 0;
  for (let index = 0; index < OFFSET_BYTES; index++) offset = offset * 0x100 + key.charCodeAt(at + index);
  return offset;
}

/** A text that ends within the key: NUL is escaped as 00 FF, the end is 00 00. What is longer than 400 bytes is hashed. */
export function valuePart(value: string): TreeKey {
  const bytes = textKey(value);
  if (bytes.length <= PART_BYTES_MAX) return terminated(bytes);
  const hash = createHash('sha256').update(bytes, 'latin1').digest().toString('latin1');
  return terminated(bytes.slice(0, PART_BYTES_MAX - hash.length) + hash);
}

const NULL_MARK = '\x00';
const NUMBER_MARK = '\x01';
const TEXT_MARK = '\x02';
const float = Buffer.alloc(8);

/** `null` before numbers before strings. Of strings the first 400 bytes count. */
export function sortPart(value: SortValue): TreeKey {
  if (value === null) return NULL_MARK;
  if (typeof value === 'string') return TEXT_MARK + terminated(textKey(value).slice(0, PART_BYTES_MAX));
  // IEEE 754 orders as integers do once negative numbers are inverted and positive ones have the sign bit set.
  float.writeDoubleBE(value === 0 ? 0 : value);
  if ((float[0]! & 0x80) === 0) float[0]! ^= 0x80;
  else for (let index = 0; index < 8; index++) float[index]! ^= 0xff;
  return NUMBER_MARK + float.toString('latin1');
}

/** Where the sort part that begins at `at` ends. */
export function sortPartEnd(key: TreeKey, at: number): number {
  const mark = key[at];
  if (mark === NULL_MARK) return at + 1;
  if (mark === NUMBER_MARK) return at + 9;
  assert(mark === TEXT_MARK, 'a sort part begins with its kind');
  let end = at + 1;
  while (key[end] !== '\0' || key[end + 1] !== '\0') end += key[end] === '\0' ? 2 : 1;
  return end + 2;
}

/** The first key after all that begin with `prefix`. */
export function prefixEnd(prefix: TreeKey): TreeKey {
  for (let end = prefix.length; end > 0; end--) {
    const last = prefix.charCodeAt(end - 1);
    if (last < 0xff) return prefix.slice(0, end - 1) + String.fromCharCode(last + 1);
  }
  return TREE_END;
}

/** Above every key. */
export const TREE_END: TreeKey = '\xff'.repeat(8);

function terminated(bytes: TreeKey): TreeKey {
  return `${bytes.includes('\0') ? bytes.replaceAll('\0', '\0\xff') : bytes}\0\0`;
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 0x7f) return false;
  return true;
}
