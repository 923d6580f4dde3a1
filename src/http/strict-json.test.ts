import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseStrictJson } from './strict-json.ts';

const parse = (text: string) => parseStrictJson(Buffer.from(text));
const refusal = (text: string | Buffer): string => {
  try {
    parseStrictJson(Buffer.from(text));
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error(`was taken: ${String(text)}`);
};

test('what JSON.stringify writes is read back', () => {
  const json = fc.jsonValue({ maxDepth: 8 }).filter((value) => !JSON.stringify(value).includes('"__proto__"'));
  fc.assert(
    fc.property(json, (value) => {
      const text = JSON.stringify(value);
      expect(parse(text)).toEqual(JSON.parse(text));
    }),
  );
});

test('a key that stands twice is found at any depth, and named', () => {
  expect(refusal('{"a":1,"a":1}')).toContain('"a"');
  expect(refusal('{"set":{"title":1,"x":{"a":2},"title":2}}')).toContain('"set.title"');
  expect(refusal('[{"a":1},{"b":[{"c":1,"c":2}]}]')).toContain('c');
  expect(refusal('{"a":1,"\\u0061":2}')).toContain('"a"');
  expect(refusal('{ "a" : 1 , "b" : "x:y" , "a" : 2 }')).toContain('"a"');
});

test('colons and quotes in strings are no names', () => {
  for (const value of [{ a: 'x:y', 'b:c': '"', '\\': '\\"' }, [':', { ':': ':' }], { a: { b: 1 }, c: { b: 1 } }]) {
    expect(parse(JSON.stringify(value))).toEqual(value);
  }
});

test('__proto__ is refused as a key and taken as text', () => {
  expect(refusal('{"__proto__":1}')).toContain('__proto__');
  expect(refusal('{"a":[{"__proto__":{"b":1}}]}')).toContain('a[0]');
  expect(refusal('{"\\u005f_proto__":1}')).toContain('__proto__');
  expect(parse('{"a":"__proto__","constructor":1}')).toEqual({ a: '__proto__', constructor: 1 });
});

test('halves of surrogate pairs are refused, in keys too', () => {
  expect(refusal('"\\ud83d"')).toContain('surrogate');
  expect(refusal('{"a":["x\\udc00"]}')).toContain('a[0]');
  expect(refusal('{"\\ud800":1}')).toContain('surrogate');
  expect(parse('"\\ud83d\\ude00"')).toBe('😀');
  expect(parse('"😀 \uFFFD"')).toBe('😀 \uFFFD');
});

test('bytes that are no UTF-8 are refused', () => {
  for (const bytes of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0xaf]]) {
    expect(refusal(Buffer.from([0x22, ...bytes, 0x22]))).toContain('UTF-8');
  }
});

test('nesting is bounded', () => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
  expect(parse(nested(32))).toBeInstanceOf(Array);
  expect(refusal(nested(33))).toContain('deeper than 32');
  expect(refusal('['.repeat(1_000_000))).toContain('deeper than 32');
  expect(parse(`["${'['.repeat(100)}"]`)).toEqual(['['.repeat(100)]);
});

test('what is no JSON is refused', () => {
  for (const text of ['', '{', "{'a':1}", '{"a":1,}', '01', 'NaN', '1 2', '\uFEFF{}', '"\t"', '{"a"}', 'undefined']) {
    expect(refusal(text)).toContain('not JSON');
  }
});
