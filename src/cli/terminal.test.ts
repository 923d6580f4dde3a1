import { expect, test } from 'vitest';
import { printable } from './terminal.ts';

test('what would steer a terminal is shown as an escape', () => {
  expect(printable({ title: 'a\u009b31mb\u202ec\u001b' })).toBe('{"title":"a\\u009b31mb\\u202ec\\u001b"}');
  expect(printable('Zürich 東京')).toBe('"Zürich 東京"');
});
