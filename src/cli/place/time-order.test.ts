import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PlaceRow } from './row.ts';
import { type SourcedRow, TimeOrder } from './time-order.ts';

const row: fc.Arbitrary<PlaceRow> = fc.record({
  line: fc.nat(4_294_967_295),
  timeMs: fc.nat(5),
  colour: fc.nat(31),
  shape: fc.constantFrom('pixel', 'rectangle', 'circle'),
  x: fc.integer({ min: -32_767, max: 32_767 }),
  y: fc.integer({ min: -32_767, max: 32_767 }),
  x2: fc.integer({ min: -32_767, max: 32_767 }),
  y2: fc.integer({ min: -32_767, max: 32_767 }),
});

test('rows come in the order of their times, and of adding within one time, in memory and from runs on disk', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(row, { maxLength: 40 }), fc.integer({ min: 1, max: 45 }), async (rows, runRows) => {
      const dir = await mkdtemp(join(tmpdir(), 'strata-order-'));
      try {
        const order = new TimeOrder(dir, runRows);
        for (const [file, one] of rows.entries()) await order.add(one, file);
        const read: SourcedRow[] = [];
        for await (const one of order.rows()) read.push(one);
        const expected = rows.map((one, file) => ({ ...one, file })).sort((a, b) => a.timeMs - b.timeMs);
        expect(read).toEqual(expected);
        expect(await readdir(dir)).toEqual([]);
      } finally {
        await rm(dir, { recursive: true });
      }
    }),
  );
});
