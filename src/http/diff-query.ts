import { z } from 'zod';
import { NAME } from '../config.ts';
import { errors } from '../errors.ts';

const flag = z.enum(['true', 'false']);

export const diffQuery = z.strictObject({
  in: z.string().min(1).max(80).describe('`dapps`, `accounts`, `photos`, `albums`, `refs`, or `boards/NAME`'),
  from: z.string().max(80).describe('whatever `asOf` takes: what changed after it'),
  to: z.string().max(80).optional().describe('whatever `asOf` takes: up to and with it; now unless told'),
  prefix: z.string().min(1).max(255).optional().describe('only items whose key begins with it; not for a board'),
  account: z.string().regex(NAME).optional().describe("only this account's items, for an admin"),
  documents: flag.default('true').describe('`false` leaves out `before`, `after` and `patch`'),
  summary: flag.default('false').describe('`true` answers counts alone'),
  format: z.enum(['json', 'ndjson', 'png']).optional().describe('instead of `Accept`; `png` for a board'),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(1000)
    .optional()
    .describe('items a page, 1 to 1,000; 100 unless told. With NDJSON: lines, all unless told'),
  cursor: z.string().min(1).max(8192).optional().describe("the page before's `next`"),
});

export type DiffQuery = z.infer<typeof diffQuery>;

const ADDRESS = /^(\d{1,16}) (\d{1,16}) (.+)$/s;

/** Where a diff goes on: both of page 1's offsets, and the cursor of what was compared. */
export type DiffCursor = { readonly from: number; readonly to: number; readonly inner: string };

/** Opaque: a time or a ref that page 1 was asked by may mean something else by now, its offsets do not. */
export function writeDiffCursor({ from, to, inner }: DiffCursor): string {
  return Buffer.from(`${from} ${to} ${inner}`, 'latin1').toString('base64url');
}

/** @throws history.cursor for what cannot be one of a diff up to `head`. */
export function readDiffCursor(token: string, head: number): DiffCursor {
  const match = ADDRESS.exec(Buffer.from(token, 'base64url').toString('latin1'));
  const [from, to] = [Number(match?.[1]), Number(match?.[2])];
  if (match === null || !(from <= to && to <= head)) {
    throw errors.error('history.cursor', `"${token.slice(0, 80)}" is not a cursor of a diff`);
  }
  return { from, to, inner: match[3]! };
}
