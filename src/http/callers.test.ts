import { expect, test } from 'vitest';
import type { Principal } from '#handling/domain.ts';
import { Callers } from './callers.ts';

const acme: Principal = { role: 'account', account: 'acme', actor: 'account:acme' };

test('a key is looked up once in half a second', () => {
  let nowMs = 0;
  let asked = 0;
  let known = true;
  const callers = new Callers(
    (token) => {
      asked += 1;
      return known && token === 'k' ? acme : null;
    },
    () => nowMs,
  );
  expect(callers.of('Bearer k')).toBe(acme);
  nowMs = 499;
  expect(callers.of('Bearer k')).toBe(acme);
  expect(asked).toBe(1);
  known = false;
  nowMs = 500;
  expect(() => callers.of('Bearer k')).toThrow('unknown, revoked or expired');
  // A key that does not stand is never remembered.
  expect(() => callers.of('Bearer k')).toThrow();
  expect(asked).toBe(3);
  known = true;
  expect(callers.of('bearer  k')).toBe(acme);
});

test('no key is nobody, and what is no bearer is refused', () => {
  const callers = new Callers(() => acme);
  expect(callers.of('')).toBeNull();
  expect(() => callers.required('')).toThrow('send a key');
  for (const header of ['Basic eDp5', 'Bearer', 'Bearer ', 'Bearer a b', `Bearer ${'x'.repeat(513)}`]) {
    expect(() => callers.of(header)).toThrow('takes the form');
  }
  expect(() => callers.admin('Bearer k')).toThrow('takes the key of an admin');
});
