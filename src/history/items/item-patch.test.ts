import fc from 'fast-check';
import { applyPatch } from 'rfc6902';
import { expect, test } from 'vitest';
import { itemPatch } from './item-patch.ts';

const tagged = (...tags: string[]) => ({ title: 'x', tags });

test.each([
  [['a', 'c'], ['a', 'b', 'c'], [{ op: 'add', path: '/tags/1', value: 'b' }]],
  [['a', 'b', 'c'], ['a', 'c'], [{ op: 'remove', path: '/tags/1' }]],
  [['a', 'b', 'c'], ['a', 'd', 'c'], [{ op: 'replace', path: '/tags/1', value: 'd' }]],
  [['a'], [], [{ op: 'remove', path: '/tags/0' }]],
  [['a', 'a'], ['a', 'a', 'a'], [{ op: 'add', path: '/tags/-', value: 'a' }]],
  [['a', 'b'], ['a', 'b'], []],
])('from the tags %j to %j', (before, after, patch) => {
  expect(itemPatch(tagged(...before), tagged(...after))).toEqual(patch);
});

test('a patch makes the one of the other, whatever they are', () => {
  const some = fc.array(fc.constantFrom('a', 'b', 'c', '/', '~', null), { maxLength: 8 });
  const items = fc.dictionary(
    fc.constantFrom('tags', 'exif', 'x/y~z', ''),
    fc.oneof(fc.integer(), some, fc.array(some)),
    {
      noNullPrototype: true,
    },
  );
  fc.assert(
    fc.property(items, items, (before, after) => {
      const patched = JSON.parse(JSON.stringify(before));
      const patch = itemPatch(before, after)!;
      expect(applyPatch(patched, JSON.parse(JSON.stringify(patch)))).toEqual(patch.map(() => null));
      expect(patched).toEqual(JSON.parse(JSON.stringify(after)));
    }),
  );
});
