import { ByteReader, type ByteWriter } from './byte-codec.ts';

/**
 * A version as a patch against a whole one: the lengths of the common prefix and suffix as varints, then what stands
 * between them. Cheap on both sides, and small for edits of a document's fields, because canonical JSON keeps their order.
 */
export function writePatch(base: Uint8Array, next: Uint8Array, patch: ByteWriter): void {
  const shorter = Math.min(base.length, next.length);
  let prefix = 0;
  while (prefix < shorter && base[prefix] === next[prefix]) prefix++;
  const suffixMax = shorter - prefix;
  let suffix = 0;
  while (suffix < suffixMax && base[base.length - 1 - suffix] === next[next.length - 1 - suffix]) suffix++;
  patch.varint(prefix);
  patch.varint(suffix);
  patch.append(next, prefix, next.length - suffix);
}

export function applyPatch(base: Buffer, patch: Buffer): Buffer {
  const reader = new ByteReader(patch);
  const prefix = reader.varint();
  const suffix = reader.varint();
  const middle = patch.length - reader.at;
  const next = Buffer.allocUnsafe(prefix + middle + suffix);
  base.copy(next, 0, 0, prefix);
  patch.copy(next, prefix, reader.at);
  base.copy(next, prefix + middle, base.length - suffix);
  return next;
}
