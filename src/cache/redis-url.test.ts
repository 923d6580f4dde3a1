import { expect, test } from 'vitest';
import { readRedisUrl } from './redis-url.ts';

test('a host is enough', () => {
  expect(readRedisUrl('redis://cache')).toEqual({
    host: 'cache',
    port: 6379,
    username: null,
    password: null,
    database: 0,
    tls: null,
    prefix: 'strata',
    shown: 'redis://cache:6379/0',
  });
});

test('user, password, database, prefix and TLS; the password is never shown', () => {
  const address = readRedisUrl('rediss://me:p%40ss@[::1]:7000/3?prefix=blue');
  expect(address).toMatchObject({
    host: '::1',
    port: 7000,
    username: 'me',
    password: 'p@ss',
    database: 3,
    prefix: 'blue',
  });
  expect(address.tls).toEqual({ ca: null });
  expect(address.shown).toBe('rediss://[::1]:7000/3');
});

test.each([
  ['http://cache', 'redis://HOST:PORT'],
  ['redis://', 'redis://HOST:PORT'],
  ['redis://cache/first', 'number of a database'],
  ['redis://cache?family=6', 'no setting "family"'],
  ['redis://cache?prefix=a%20b', 'prefix'],
  ['redis://cache?ca=/etc/ca.pem', 'rediss:// only'],
  ['rediss://cache?ca=/nowhere.pem', 'cannot be read'],
])('%s is refused: %s', (url, why) => {
  expect(() => readRedisUrl(url)).toThrow(
    expect.objectContaining({ code: 'config.invalid', message: expect.stringContaining(why) }),
  );
});
