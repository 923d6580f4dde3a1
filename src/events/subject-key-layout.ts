import { join } from 'node:path';

/** A key store's folder: an LMDB tree from subject to slot, and a file with one key a slot. */
export const KEY_BYTES = 32;
/** A slot of zeros is a destroyed key: no random key is all zeros. */
export const DESTROYED = Buffer.alloc(KEY_BYTES);

export function slotsPath(dir: string): string {
  return join(dir, 'subjects.mdb');
}

export function keysPath(dir: string): string {
  return join(dir, 'keys.bin');
}

/** Names what the folder mirrors. Opening the folder removes it: keys may be made then that are nowhere else. */
export function mirrorMarkPath(dir: string): string {
  return join(dir, 'mirror-of');
}
