import { expect, test } from 'vitest';
import { eventStoreSettings } from './url.ts';

test('a URL is what the clients of the server take, and a prefix', () => {
  expect(eventStoreSettings('esdb://127.0.0.1:2113?tls=false')).toMatchObject({
    prefix: 'strata.',
    connection: { hosts: [{ address: '127.0.0.1', port: 2113 }], tls: false, dnsDiscover: false },
  });
  expect(eventStoreSettings('esdb://a,b:2114?prefix=shop-1.&nodePreference=follower')).toMatchObject({
    prefix: 'shop-1.',
    connection: { hosts: [{ port: 2113 }, { address: 'b', port: 2114 }], nodePreference: 'follower' },
  });
  expect(eventStoreSettings('esdb+discover://me:p%40ss@cluster.example?prefix=x')).toMatchObject({
    prefix: 'x',
    connection: { dnsDiscover: true, defaultCredentials: { username: 'me', password: 'p@ss' } },
  });
});

test.each([
  'esdb://',
  'esdb://user:secret@?tls=false',
  'esdb://user:secret@host:port',
  'esdb://user:secret@host?tls=perhaps',
  'esdb://user:secret@host?partitions=3',
  'esdb://user:secret@host?prefix=$secret',
  'esdb://user:secret@host?prefix=',
  'esdb://user:secret@host?prefix=%zz',
])('%s is refused, and the password is not told', (url) => {
  const error = (() => {
    try {
      return eventStoreSettings(url);
    } catch (thrown) {
      return thrown;
    }
  })();
  expect(error).toMatchObject({ code: 'config.invalid' });
  expect(String((error as Error).message)).not.toContain('secret');
});
