import { join } from 'node:path';
import { errors } from '../errors.ts';

const INCOMING = 'incoming';
const SHA256 = /^[0-9a-f]{64}$/;

export function isSha256(text: string): boolean {
  return SHA256.test(text);
}

/**
 * Where a blob lies: `ab/cd/abcd…`, so that no folder grows past a few thousand names. The only way from a hash to a path.
 * @throws blob.unknown for anything but 64 lower-case hex digits: no other text ever becomes part of a path.
 */
export function blobPath(dir: string, sha256: string): string {
  if (!isSha256(sha256)) throw errors.error('blob.unknown', 'a blob is named by 64 lower-case hex digits');
  return join(dir, sha256.slice(0, 2), sha256.slice(2, 4), sha256);
}

/** Where temporary files lie until they are blobs. */
export function incomingDir(dir: string): string {
  return join(dir, INCOMING);
}
