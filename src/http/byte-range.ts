import type { ByteRange } from '#blobs/blob-store.ts';

/**
 * The part that a `Range` header asks for (RFC 9110, 14.1.2): `null` for the whole, also where the header is not
 * understood or names several; `outside` where there is nothing of what it asks for.
 */
export function byteRange(header: string, sizeBytes: number): ByteRange | 'outside' | null {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header);
  if (match === null || (match[1] === '' && match[2] === '')) return null;
  if (match[1] === '') {
    const last = Number(match[2]);
    if (last === 0 || sizeBytes === 0) return 'outside';
    return { first: Math.max(0, sizeBytes - last), last: sizeBytes - 1 };
  }
  const first = Number(match[1]);
  const last = match[2] === '' ? sizeBytes - 1 : Math.min(Number(match[2]), sizeBytes - 1);
  if (match[2] !== '' && Number(match[2]) < first) return null;
  return first >= sizeBytes ? 'outside' : { first, last };
}
