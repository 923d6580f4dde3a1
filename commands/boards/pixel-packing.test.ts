import fc from 'fast-check';
import { expect, test } from 'vitest';
import { pixelPacking } from './pixel-packing.ts';
import { tileStream } from './tiles.ts';

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
