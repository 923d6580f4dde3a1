import { isDeepStrictEqual } from 'node:util';
import { createPatch, type Operation, type Pointer } from 'rfc6902';
import type { Item } from './items.ts';

/** What makes `after` of `before`, as a JSON Patch (RFC 6902). The whole document stands at the path "" (RFC 6901, section 5). */
export function itemPatch(before: Item | null, after: Item | null): readonly Operation[] | null {
  if (before !== null && after !== null) return createPatch(before, after, arrayPatch);
  if (after !== null) return [{ op: 'add', path: '', value: after }];
  return before === null ? null : [{ op: 'remove', path: '' }];
}

/**
 * What lies between the common beginning and the common end is replaced, then the rest removed or added. That is not always
 * the shortest patch, but costs the arrays' lengths: the shortest one costs their product, 12 ms for 64 tags.
 */
function arrayPatch(input: unknown, output: unknown, at: Pointer): Operation[] | undefined {
  if (!Array.isArray(input) || !Array.isArray(output)) return undefined;
  const shorter = Math.min(input.length, output.length);
  let start = 0;
  while (start < shorter && isDeepStrictEqual(input[start], output[start])) start += 1;
  let end = 0;
  while (end < shorter - start && isDeepStrictEqual(input.at(-1 - end), output.at(-1 - end))) end += 1;
  const [inputEnd, outputEnd] = [input.length - end, output.length - end];
  const replacedEnd = Math.min(inputEnd, outputEnd);
  const operations: Operation[] = [];
  for (let index = start; index < replacedEnd; index += 1) {
    operations.push({ op: 'replace', path: path(at, index), value: output[index] });
  }
  for (let index = replacedEnd; index < outputEnd; index += 1) {
    operations.push({ op: 'add', path: path(at, end === 0 ? '-' : index), value: output[index] });
  }
  for (let index = inputEnd - 1; index >= replacedEnd; index -= 1) {
    operations.push({ op: 'remove', path: path(at, index) });
  }
  return operations;
}

function path(at: Pointer, index: number | '-'): string {
  return at.add(String(index)).toString();
}
