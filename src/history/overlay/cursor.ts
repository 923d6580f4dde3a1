import { errors } from '../../errors.ts';

/**
 * Where a page over an overlay ended: the cursor of the page below that it was made of (`null` its first), and the last row
 * that was told (`null` none).
 */
export type OverlayCursor = { readonly below: string | null; readonly last: string | null };

export const OVERLAY_START: OverlayCursor = { below: null, last: null };

export function writeOverlayCursor({ below, last }: OverlayCursor): string {
  return Buffer.from(JSON.stringify([below, last])).toString('base64url');
}

/** @throws history.cursor */
export function readOverlayCursor(token: string | undefined): OverlayCursor {
  if (token === undefined) return OVERLAY_START;
  try {
    const read: unknown = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
    if (Array.isArray(read) && read.length === 2 && read.every((part) => part === null || typeof part === 'string')) {
      return { below: read[0], last: read[1] };
    }
  } catch (cause) {
    throw errors.error('history.cursor', `"${token.slice(0, 80)}" is not a cursor of this list`, { cause });
  }
  throw errors.error('history.cursor', `"${token.slice(0, 80)}" is not a cursor of this list`);
}
