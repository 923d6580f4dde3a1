import { createHash } from 'node:crypto';
import { errors } from '../../errors.ts';
import { keyOffset, OFFSET_BYTES, offsetKey, type TreeKey } from './tree-key.ts';

/** Where a page ended: everything after `last` at the position of page 1 is still to come. */
export type Cursor = { readonly offset: number; readonly last: TreeKey };

const MARK_BYTES = 6;

/** Opaque and canonical: a mark of the query that it belongs to, page 1's position, the last row looked at. */
export function writeCursor(query: string, { offset, last }: Cursor): string {
  return Buffer.from(markOf(query, offset, last) + offsetKey(offset) + last, 'latin1').toString('base64url');
}

/** @throws history.cursor when this query did not give it. */
export function readCursor(query: string, token: string): Cursor {
  const key = token.length > 4_096 ? '' : Buffer.from(token, 'base64url').toString('latin1');
  if (key.length > MARK_BYTES + OFFSET_BYTES) {
    const offset = keyOffset(key, MARK_BYTES);
    const last = key.slice(MARK_BYTES + OFFSET_BYTES);
    if (key.startsWith(markOf(query, offset, last)) && writeCursor(query, { offset, last }) === token) {
      return { offset, last };
    }
  }
  throw errors.error('history.cursor', `"${token.slice(0, 80)}" is not a cursor of this list`);
}

/** The position of page 1, of what may be a cursor: whoever reads by it checks the rest. `null` for what is none. */
export function cursorOffset(token: string): number | null {
  const key = Buffer.from(token.slice(0, 64), 'base64url').toString('latin1');
  return key.length < MARK_BYTES + OFFSET_BYTES ? null : keyOffset(key, MARK_BYTES);
}

/** Against mistakes, not forgery: a cursor shows nothing that its query would not. */
function markOf(query: string, offset: number, last: TreeKey): TreeKey {
  return createHash('sha256')
    .update(`${query}\0${offset}\0`, 'utf8')
    .update(last, 'latin1')
    .digest()
    .toString('latin1')
    .slice(0, MARK_BYTES);
}
