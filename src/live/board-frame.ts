import { assert } from '../assert.ts';

/** Kind of a binary message: pixels of one board. */
const PIXELS = 1;
const TILE_SIDE = 256;
const TILE_HEAD_BYTES = 6;
const PIXEL_BYTES = 3;
/** With the pixels of one event more, a frame has at most a quarter of what may be buffered for a client. */
const FRAME_PIXELS_FULL = 10_000;

/** Pixels of a board that wait for the next frame, by tile and in order. */
export class PixelBatch {
  /** Key: ty * 256 + tx. A pixel is place * 256 + colour. */
  readonly #tiles = new Map<number, number[]>();
  #pixels = 0;

  get isEmpty(): boolean {
    return this.#pixels === 0;
  }

  /** A frame is sent at once when it has so many: what is buffered for a client is bounded. */
  get isFull(): boolean {
    return this.#pixels >= FRAME_PIXELS_FULL;
  }

  add(x: number, y: number, color: number): void {
    const key = (y >> 8) * TILE_SIDE + (x >> 8);
    const pixel = ((y & 255) * TILE_SIDE + (x & 255)) * 256 + color;
    const tile = this.#tiles.get(key);
    if (tile === undefined) this.#tiles.set(key, [pixel]);
    else tile.push(pixel);
    this.#pixels += 1;
  }

  /** The frame as `docs/reference/live.md` has it, and an empty batch after it. `after` is excluded, `position` included. */
  takeFrame(board: string, after: string, position: string): Buffer {
    const frame = Buffer.allocUnsafe(
      1 +
        text(board) +
        text(after) +
        text(position) +
        2 +
        this.#tiles.size * TILE_HEAD_BYTES +
        this.#pixels * PIXEL_BYTES,
    );
    let at = frame.writeUInt8(PIXELS, 0);
    for (const value of [board, after, position]) {
      at = frame.writeUInt16BE(Buffer.byteLength(value), at);
      at += frame.write(value, at, 'utf8');
    }
    at = frame.writeUInt16BE(this.#tiles.size, at);
    for (const [key, pixels] of this.#tiles) {
      at = frame.writeUInt8(key % TILE_SIDE, at);
      at = frame.writeUInt8(Math.floor(key / TILE_SIDE), at);
      at = frame.writeUInt32BE(pixels.length, at);
      for (const pixel of pixels) {
        frame[at] = pixel >> 16;
        frame[at + 1] = (pixel >> 8) & 255;
        frame[at + 2] = pixel & 255;
        at += PIXEL_BYTES;
      }
    }
    assert(at === frame.length, 'a frame is as long as was counted');
    this.#tiles.clear();
    this.#pixels = 0;
    return frame;
  }
}

function text(value: string): number {
  return 2 + Buffer.byteLength(value);
}

export type BoardFrame = {
  readonly board: string;
  readonly after: string;
  readonly position: string;
  /** In the order in which they were placed, within each tile. */
  readonly pixels: readonly { readonly x: number; readonly y: number; readonly color: number }[];
};

/** Reads a frame: what a client does. `null` for a kind of message that it does not know. */
export function readBoardFrame(bytes: Uint8Array): BoardFrame | null {
  const frame = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (frame.readUInt8(0) !== PIXELS) return null;
  let at = 1;
  const texts = [0, 1, 2].map(() => {
    const length = frame.readUInt16BE(at);
    const value = frame.toString('utf8', at + 2, at + 2 + length);
    at += 2 + length;
    return value;
  });
  const [board = '', after = '', position = ''] = texts;
  const pixels: { x: number; y: number; color: number }[] = [];
  let tiles = frame.readUInt16BE(at);
  for (at += 2; tiles > 0; tiles -= 1) {
    const left = frame.readUInt8(at) * TILE_SIDE;
    const top = frame.readUInt8(at + 1) * TILE_SIDE;
    let count = frame.readUInt32BE(at + 2);
    for (at += TILE_HEAD_BYTES; count > 0; count -= 1, at += PIXEL_BYTES) {
      pixels.push({ x: left + frame.readUInt8(at + 1), y: top + frame.readUInt8(at), color: frame.readUInt8(at + 2) });
    }
  }
  return { board, after, position, pixels };
}
