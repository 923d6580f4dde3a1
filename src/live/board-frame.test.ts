import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PixelBatch, readBoardFrame } from './board-frame.ts';

/** The bytes of the page's example: the hex pairs before each line's comment. */
function documentedFrame(): Buffer {
  const page = readFileSync(new URL('../../docs/reference/live.md', import.meta.url), 'utf8');
  const example = /```hex\n([\s\S]*?)```/.exec(page)![1]!;
  const pairs = example.split('\n').map((line) => /^((?:[0-9a-f]{2} ?)*)/.exec(line)![1]!);
  return Buffer.from(pairs.join('').replaceAll(' ', ''), 'hex');
}

test('the frame in the documentation is what is sent, and reads as it says', () => {
  const batch = new PixelBatch();
  const pixels = [
    { x: 3, y: 4, color: 5 },
    { x: 600, y: 300, color: 6 },
    { x: 255, y: 0, color: 15 },
  ];
  for (const pixel of pixels) batch.add(pixel.x, pixel.y, pixel.color);
  expect(batch.takeFrame('demo', '41', '1042')).toEqual(documentedFrame());
  expect(documentedFrame()).toHaveLength(40);
  expect(readBoardFrame(documentedFrame())).toEqual({
    board: 'demo',
    after: '41',
    position: '1042',
    pixels: [
      { x: 3, y: 4, color: 5 },
      { x: 255, y: 0, color: 15 },
      { x: 600, y: 300, color: 6 },
    ],
  });
});

test('every batch comes back, each place with its last colour', () => {
  const pixel = fc.record({
    x: fc.nat(8191),
    y: fc.nat(8191),
    color: fc.nat(255),
  });
  fc.assert(
    fc.property(fc.array(pixel), (pixels) => {
      const batch = new PixelBatch();
      for (const one of pixels) batch.add(one.x, one.y, one.color);
      const frame = readBoardFrame(batch.takeFrame('b', '0:1,1:2', '0:3,1:2'));
      const last = (all: readonly { x: number; y: number; color: number }[]) =>
        new Map(all.map(({ x, y, color }) => [`${x},${y}`, color]));
      expect(last(frame!.pixels)).toEqual(last(pixels));
      expect(frame!.pixels).toHaveLength(pixels.length);
      expect(batch.isEmpty).toBe(true);
    }),
  );
});

test('a message of another kind is not taken for pixels', () => {
  expect(readBoardFrame(Buffer.from([2, 0, 0]))).toBeNull();
});
