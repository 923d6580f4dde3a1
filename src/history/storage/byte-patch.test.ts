import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteWriter } from './byte-codec.ts';
import { applyPatch, writePatch } from './byte-patch.ts';

function patchOf(base: Buffer, next: Buffer): Buffer {
  const patch = new ByteWriter();
  writePatch(base, next, patch);
  return patch.copy();
}

const run = fc.oneof(
  fc.constantFrom('', 'a', 'ab'.repeat(40), 'what stays the same in most of the versions', 'x'.repeat(100)),
  fc.string({ maxLength: 60 }),
);
const bytes = fc.array(run, { maxLength: 8 }).map((runs) => Buffer.from(runs.join('')));

test('a patch on its base gives the version that it was made of, whatever they have in common', () => {
  fc.assert(
    fc.property(bytes, bytes, (base, next) => {
      expect(applyPatch(base, patchOf(base, next)).equals(next)).toBe(true);
    }),
    { numRuns: 3_000 },
  );
});

test('changes before and after a long field cost what changed, not the field', () => {
  const exif = Array.from({ length: 600 }, (_, at) => at ** 3);
  const document = (caption: string, rating: number, title: string) =>
    Buffer.from(JSON.stringify({ caption, exif, rating, tags: ['alps'], title }));
  const base = document('a caption', 1, 'a title');
  for (const next of [document('another', 1, 'a title'), document('', 5, ''), document('longer than it was', 3, 'x')]) {
    expect(patchOf(base, next).length).toBeLessThan(100);
  }
});
