import { ByteReader, type ByteWriter } from './byte-codec.ts';

/** Bytes that are looked for to find what both have in common, once prefix and suffix are taken away. */
const PROBE_BYTES = 24;
/** What differs is cut in two around common bytes this many times within itself at most. */
const CUTS_MAX = 3;

/**
 * A version as a patch against a whole one: pieces, each of how many bytes of the base are left out, how many are copied then,
 * and how many new ones follow, as varints, and those bytes; the last piece may end after the copy. Cheap on both sides, and
 * small for edits of a document's fields, because canonical JSON keeps their order.
 */
export function writePatch(base: Buffer, next: Buffer, patch: ByteWriter): void {
  const pieces = new PieceWriter(next, patch);
  writeRange(base, 0, base.length, next, 0, next.length, CUTS_MAX, pieces);
  pieces.end();
}

/** Both ranges begin and end anywhere; what they have in common at their ends, and around a probe, is copied. */
function writeRange(
  base: Buffer,
  baseStart: number,
  baseEnd: number,
  next: Buffer,
  nextStart: number,
  nextEnd: number,
  cuts: number,
  pieces: PieceWriter,
): void {
  const shorter = Math.min(baseEnd - baseStart, nextEnd - nextStart);
  let prefix = 0;
  while (prefix < shorter && base[baseStart + prefix] === next[nextStart + prefix]) prefix++;
  const suffixMax = shorter - prefix;
  let suffix = 0;
  while (suffix < suffixMax && base[baseEnd - 1 - suffix] === next[nextEnd - 1 - suffix]) suffix++;
  pieces.copy(baseStart, prefix);
  const [from, to] = [baseStart + prefix, baseEnd - suffix];
  const [nextFrom, nextTo] = [nextStart + prefix, nextEnd - suffix];
  const probe = (from + to - PROBE_BYTES) >> 1;
  const found =
    cuts > 0 && to - from > 2 * PROBE_BYTES && nextTo - nextFrom > PROBE_BYTES
      ? next.subarray(nextFrom, nextTo).indexOf(base.subarray(probe, probe + PROBE_BYTES))
      : -1;
  if (found < 0) pieces.insert(nextFrom, nextTo);
  else {
    // The right part's own prefix is the rest of what they have in common here, and the left part's suffix what came before.
    writeRange(base, from, probe, next, nextFrom, nextFrom + found, cuts - 1, pieces);
    writeRange(base, probe, to, next, nextFrom + found, nextTo, cuts - 1, pieces);
  }
  pieces.copy(to, suffix);
}

/** Joins copies that follow each other, so that a piece is as long as it can be. */
class PieceWriter {
  readonly #next: Buffer;
  readonly #patch: ByteWriter;
  /** Where in the base the last piece's copy ended. */
  #done = 0;
  #copyStart = 0;
  #copyEnd = 0;
  #insertStart = 0;
  #insertEnd = 0;

  constructor(next: Buffer, patch: ByteWriter) {
    this.#next = next;
    this.#patch = patch;
  }

  copy(start: number, length: number): void {
    if (length === 0) return;
    if (this.#insertEnd > this.#insertStart || start !== this.#copyEnd) this.#write();
    if (this.#copyEnd === this.#copyStart) this.#copyStart = start;
    this.#copyEnd = start + length;
  }

  insert(start: number, end: number): void {
    if (start === end) return;
    // What is inserted between two copies is one run of the next version.
    if (this.#insertEnd === this.#insertStart) this.#insertStart = start;
    this.#insertEnd = end;
  }

  end(): void {
    this.#write();
  }

  #write(): void {
    const inserted = this.#insertEnd - this.#insertStart;
    const copied = this.#copyEnd - this.#copyStart;
    if (copied + inserted === 0) return;
    const start = copied === 0 ? this.#done : this.#copyStart;
    this.#patch.varint(start - this.#done);
    this.#patch.varint(copied);
    this.#patch.varint(inserted);
    this.#patch.append(this.#next, this.#insertStart, this.#insertEnd);
    this.#done = start + copied;
    this.#copyStart = this.#copyEnd = this.#done;
    this.#insertStart = this.#insertEnd = 0;
  }
}

export function applyPatch(base: Buffer, patch: Buffer): Buffer {
  const reader = new ByteReader(patch);
  // Pieces copy one part of the base after the other, so that together they are no longer than it.
  const next = Buffer.allocUnsafe(base.length + patch.length);
  let from = 0;
  let to = 0;
  while (reader.at < patch.length) {
    from += reader.varint();
    const copied = reader.varint();
    const inserted = reader.varint();
    base.copy(next, to, from, from + copied);
    from += copied;
    to += copied;
    patch.copy(next, to, reader.at, reader.at + inserted);
    reader.at += inserted;
    to += inserted;
  }
  return next.subarray(0, to);
}
