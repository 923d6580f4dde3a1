import { hash } from 'node:crypto';
import type { TreeKey } from '../storage/tree-key.ts';
import { cellColor, cellOffset } from './tile.ts';

/**
 * Hashes the places of one raster as its fingerprint adds them up: SHA-256("strata.place.v1", 00, raster, 00, tile, place,
 * colour, offset), the last three of 2, 1 and 6 bytes, the highest first.
 */
export class PlaceHasher {
  readonly #prefix: Buffer;
  #element = Buffer.alloc(0);
  #at = 0;

  constructor(raster: string) {
    this.#prefix = Buffer.from(`strata.place.v1\0${raster}\0`);
  }

  /** The tile that the next places lie in. */
  enter(tile: TreeKey): void {
    this.#element = Buffer.concat([this.#prefix, Buffer.from(tile, 'latin1'), Buffer.alloc(9)]);
    this.#at = this.#element.length - 9;
  }

  hash(place: number, cell: number): Buffer {
    this.#element.writeUInt16BE(place, this.#at);
    this.#element.writeUInt8(cellColor(cell), this.#at + 2);
    this.#element.writeUIntBE(cellOffset(cell), this.#at + 3, 6);
    return hash('sha256', this.#element, 'buffer');
  }
}
