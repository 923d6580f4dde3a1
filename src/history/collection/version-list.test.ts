import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteReader, ByteWriter } from '../storage/byte-codec.ts';
import { applyPatch, writePatch } from '../storage/byte-patch.ts';
import { DELETED, findVersion, PATCH, readVersions, type VersionEntry, WHOLE, writeVersions } from './version-list.ts';

const list = fc
  .array(
    fc.record({
      offset: fc.nat({ max: 2 ** 40 }).map((step) => step + 1),
      pointer: fc.nat({ max: 2 ** 40 }),
      length: fc.nat({ max: 2 ** 24 }),
      kind: fc.constantFrom(WHOLE, PATCH, DELETED),
    }),
    { minLength: 1, maxLength: 32 },
  )
  .map((steps) => {
    let [offset, pointer] = [0, 0];
    return steps.map((step, at): VersionEntry => {
      offset += step.offset;
      pointer += step.pointer;
      return { ...step, offset, pointer, kind: at === 0 ? WHOLE : step.kind };
    });
  });

test('a list of versions comes back, and every position finds its version and what it is a patch against', () => {
  fc.assert(
    fc.property(list, fc.boolean(), (versions, hasOlder) => {
      const bytes = new ByteWriter();
      writeVersions(versions, hasOlder, bytes);
      expect(readVersions(bytes.view())).toEqual({ versions, hasOlder });
      for (const [at, entry] of versions.entries()) {
        const base = versions.slice(0, at).findLast(({ kind }) => kind === WHOLE) ?? null;
        const found = { entry, base: entry.kind === PATCH ? base : null };
        expect(findVersion(bytes.view(), entry.offset)).toEqual(found);
        const nextOffset = versions[at + 1]?.offset ?? Number.POSITIVE_INFINITY;
        expect(findVersion(bytes.view(), nextOffset - 1)).toEqual(found);
      }
      expect(findVersion(bytes.view(), versions[0]!.offset - 1)).toBe(hasOlder ? 'older' : null);
    }),
  );
});

test('a patch makes the next bytes of any two', () => {
  const bytes = fc.uint8Array({ maxLength: 40, max: 3 }).map((array) => Buffer.from(array));
  fc.assert(
    fc.property(bytes, bytes, (base, next) => {
      const patch = new ByteWriter();
      writePatch(base, next, patch);
      expect(applyPatch(base, patch.copy())).toEqual(next);
    }),
  );
});

test('varints hold every safe integer', () => {
  fc.assert(
    fc.property(fc.array(fc.maxSafeNat()), (numbers) => {
      const bytes = new ByteWriter(1);
      for (const number of numbers) bytes.varint(number);
      const reader = new ByteReader(bytes.view());
      expect(numbers.map(() => reader.varint())).toEqual(numbers);
    }),
  );
});
