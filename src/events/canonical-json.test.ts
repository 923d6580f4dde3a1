import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson } from './canonical-json.ts';
import type { Json } from './event.ts';

test('fields stand in the order of their UTF-16 code units (RFC 8785, 3.2.3)', () => {
  const value = { '€': 1, '\r': 2, '\ufb33': 3, '1': 4, '😀': 5, '\u0080': 6, ö: 7 };
  expect(canonicalJson(value)).toBe('{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"😀":5,"\ufb33":3}');
});

test('numbers are printed as ECMAScript has them (RFC 8785, 3.2.2.3)', () => {
  const numbers = [1e30, 4.5, 2e-3, 1e-27, -0, 1e21, 123456789012345680000];
  expect(canonicalJson(numbers)).toBe('[1e+30,4.5,0.002,1e-27,0,1e+21,123456789012345680000]');
});

test('any JSON value is written as another implementation writes it, and read back', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary', maxDepth: 3 }), (value) => {
      const text = canonicalJson(value as Json);
      expect(text).toBe(canonicalize(value));
      expect(canonicalJson(JSON.parse(text))).toBe(text);
    }),
  );
});

test('fields that are undefined are left out', () => {
  expect(canonicalJson({ a: undefined, b: 1, c: undefined } as unknown as Json)).toBe('{"b":1}');
});

test.each<[string, unknown]>([
  ['NaN', Number.NaN],
  ['an infinity', { a: Number.NEGATIVE_INFINITY }],
  ['a lone surrogate', ['\ud800']],
  ['a field name with a lone surrogate', { '\udc00': 1 }],
  ['a bigint', { a: 1n }],
  ['a date', { at: new Date(0) }],
  ['a map', new Map()],
  ['undefined in an array', [undefined]],
])('%s is refused', (_, value) => {
  expect(() => canonicalJson(value as Json)).toThrow(TypeError);
});
