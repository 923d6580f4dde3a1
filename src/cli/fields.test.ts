import { expect, test } from 'vitest';
import { CliFailure } from './failure.ts';
import { readFields } from './fields.ts';

const types: { [field: string]: string } = {
  width: 'integer',
  title: 'string',
  public: 'boolean',
  addTags: 'array',
  palette: 'array',
  'set.rating': 'integer',
  'set.title': 'string',
};
const read = (...pairs: string[]) => readFields(pairs, (field) => types[field]);

test('fields take the type that the server wants', () => {
  expect(read('width=100', 'title=100', 'public=true')).toEqual({ width: 100, title: '100', public: true });
});

test('dots lead into objects', () => {
  expect(read('set.rating=5', 'set.title=a=b')).toEqual({ set: { rating: 5, title: 'a=b' } });
});

test('arrays take commas, repeated names and JSON', () => {
  expect(read('addTags=a,b', 'addTags=c', 'palette=["#000000"]')).toEqual({
    addTags: ['a', 'b', 'c'],
    palette: ['#000000'],
  });
});

test('name:=JSON is JSON, and unknown fields are guessed', () => {
  expect(read('title:=null', 'x=3', 'y=three')).toEqual({ title: null, x: 3, y: 'three' });
});

test('a name that JavaScript knows is sent like any other', () => {
  expect(JSON.stringify(read('__proto__.x=1'))).toBe('{"__proto__":{"x":1}}');
});

test.each(['width=ten', 'public=yes', 'no-sign', 'title:={'])('%s is refused as wrong usage', (pair) => {
  expect(() => read(pair)).toThrow(CliFailure);
});
