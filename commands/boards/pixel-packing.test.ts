import fc from 'fast-check';
import { expect, test } from 'vitest';
import { countPixels, eachPixel, type Pixel, packPixels } from './packed-pixels.ts';
import { pixelPacking } from './pixel-packing.ts';
import { revertPacking } from './revert-packing.ts';
import { tileOf, tileStream } from './tiles.ts';

const seed = Date.now() % 2 ** 31;

test(`any placement is three bytes, and the same again (seed ${seed})`, () => {
  const placement = fc.record({
    board: fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,62}$/),
    x: fc.integer({ min: 0, max: 8191 }),
    y: fc.integer({ min: 0, max: 8191 }),
    color: fc.integer({ min: 0, max: 255 }),
  });
  fc.assert(
    fc.property(placement, (data) => {
      const stream = tileStream(data.board, data.x, data.y);
      const packed = pixelPacking.pack(data, stream);
      expect(packed).toHaveLength(3);
      expect(pixelPacking.unpack(packed!, stream)).toEqual(data);
    }),
    { seed, numRuns: 1000 },
  );
});

test('what does not lie in the stream’s tile is not packed', () => {
  expect(pixelPacking.pack({ board: 'wall', x: 256, y: 0, color: 1 }, 'tile-wall-0-0')).toBeNull();
  expect(pixelPacking.pack({ board: 'other', x: 0, y: 0, color: 1 }, 'tile-wall-0-0')).toBeNull();
  expect(pixelPacking.pack({ board: 'wall', x: 0, y: 0, color: 256 }, 'tile-wall-0-0')).toBeNull();
});

test(`any revert of a tile is three bytes a pixel and its position, and the same again (seed ${seed})`, () => {
  const places = fc.uniqueArray(fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255)), {
    minLength: 1,
    selector: ([x, y]) => y * 256 + x,
  });
  const revert = fc.record({
    left: fc.nat(31),
    top: fc.nat(31),
    places,
    to: fc.string({ unit: 'grapheme', maxLength: 40 }),
  });
  fc.assert(
    fc.property(revert, ({ left, top, places, to }) => {
      const stream = `tile-wall-${left}-${top}`;
      const corner = tileOf(stream);
      const pixels = places.map(([x, y, color]): Pixel => ({ x: corner.left + x, y: corner.top + y, color }));
      const data = { ...corner, to, pixels: packPixels(pixels, corner) };
      const packed = revertPacking.pack(data, stream)!;
      expect(packed).toHaveLength(2 + Buffer.byteLength(to) + 3 * pixels.length);
      expect(revertPacking.unpack(packed, stream)).toEqual(data);
      expect(revertPacking.pack(data, 'tile-wall-32-32')).toBeNull();
      const read: Pixel[] = [];
      eachPixel(data, (x, y, color) => read.push({ x, y, color }));
      expect(read).toEqual(pixels);
      expect(countPixels(data.pixels)).toBe(pixels.length);
    }),
    { seed },
  );
});
