import { errors } from '../../errors.ts';
import type { LogReader } from '../log-reader.ts';
import { HashFiles } from './hash-files.ts';
import { visitLeaves } from './leaves.ts';
import { consistencyProof, inclusionProof, rootHash } from './merkle.ts';
import { hashesAt, TILE_WIDTH, type Tile } from './tile.ts';

/** What an entry may have in a bundle of C2SP tlog-tiles: its length has two bytes. */
const ENTRY_BYTES_MAX = 0xffff;

export type InclusionProof = {
  readonly index: number;
  readonly size: number;
  readonly leafHash: Buffer;
  readonly rootHash: Buffer;
  /** Lowest first, as RFC 9162 has them. */
  readonly hashes: readonly Buffer[];
};

export type ConsistencyProof = {
  readonly from: number;
  readonly to: number;
  readonly fromRoot: Buffer;
  readonly toRoot: Buffer;
  readonly hashes: readonly Buffer[];
};

/** Reads tiles, entries and proofs of what is signed, beside the thread that grows the tree. */
export class SignedTree {
  readonly #files: HashFiles;
  readonly #reader: LogReader;

  constructor(dir: string, reader: LogReader) {
    this.#files = HashFiles.forReading(dir);
    this.#reader = reader;
  }

  /** The bytes of a tile or of an entry bundle. @throws log.unknown-tile, log.entry-too-large */
  tile(tile: Tile, size: number): Buffer {
    const level = tile.level === 'entries' ? 0 : tile.level;
    const first = tile.index * TILE_WIDTH;
    if (first + tile.width > hashesAt(level, size)) {
      throw errors.error('log.unknown-tile', `a tree of ${size} events has no such tile`);
    }
    if (tile.level === 'entries') return this.#bundle(first, tile.width);
    return this.#files.read(level, first, tile.width);
  }

  /** The canonical bytes of an event. @throws history.future-position */
  entry(offset: number, signed: number): Buffer {
    requireSigned(offset, signed);
    if (offset === 0) throw errors.error('history.future-position', 'positions of events begin at 1');
    let entry: Buffer | null = null;
    visitLeaves(this.#reader, offset - 1, offset, (bytes) => {
      entry = Buffer.from(bytes);
    });
    return entry!;
  }

  /** @throws history.future-position */
  inclusion(offset: number, size: number, signed: number): InclusionProof {
    requireSigned(size, signed);
    if (offset < 1 || offset > size) {
      throw errors.error('history.future-position', `position ${offset} is not among the first ${size} events`);
    }
    const index = offset - 1;
    return {
      index,
      size,
      leafHash: this.#files.read(0, index, 1),
      rootHash: rootHash(this.#files, size),
      hashes: inclusionProof(this.#files, index, size),
    };
  }

  /** @throws history.future-position, history.range */
  consistency(from: number, to: number, signed: number): ConsistencyProof {
    requireSigned(to, signed);
    if (from > to) throw errors.error('history.range', `${from} comes after ${to}`);
    return {
      from,
      to,
      fromRoot: rootHash(this.#files, from),
      toRoot: rootHash(this.#files, to),
      hashes: consistencyProof(this.#files, from, to),
    };
  }

  close(): void {
    this.#files.close();
  }

  #bundle(first: number, count: number): Buffer {
    const parts: Buffer[] = [];
    visitLeaves(this.#reader, first, first + count, (bytes, offset) => {
      if (bytes.length > ENTRY_BYTES_MAX) {
        const detail = `the event at ${offset} has ${bytes.length} bytes; read it at /v1/log/entries/${offset}`;
        throw errors.error('log.entry-too-large', detail);
      }
      const length = Buffer.allocUnsafe(2);
      length.writeUInt16BE(bytes.length);
      parts.push(length, Buffer.from(bytes));
    });
    return Buffer.concat(parts);
  }
}

function requireSigned(size: number, signed: number): void {
  if (size > signed) throw errors.error('history.future-position', `${signed} events are signed`);
}
