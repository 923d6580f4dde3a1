import { errors } from '../errors.ts';
import { isSha256 } from './layout.ts';

/**
 * Where a blob lies in a bucket: `blobs/ab/abcd…`. The only way from a hash to a key.
 * @throws blob.unknown for anything but 64 lower-case hex digits
 */
export function blobKey(sha256: string): string {
  if (!isSha256(sha256)) throw errors.error('blob.unknown', 'a blob is named by 64 lower-case hex digits');
  return `blobs/${sha256.slice(0, 2)}/${sha256}`;
}
