import { expect, test } from 'vitest';
import { remoteAddress } from './remote-address.ts';

test.each([
  ['203.0.113.7', '203.0.113.7'],
  ['0000:0000:0000:0000:0000:ffff:7f00:0001', '127.0.0.1'],
  ['::ffff:127.0.0.1', '127.0.0.1'],
  ['2001:0db8:0001:0002:0003:0004:0005:0006', '2001:db8:1:2::'],
  ['2001:db8:1:2::9', '2001:db8:1:2::'],
  ['2001:db8::9', '2001:db8:0:0::'],
  ['::1', '0:0:0:0::'],
])('%s is counted as %s', (address, counted) => {
  expect(remoteAddress(address, '', 0)).toBe(counted);
  expect(remoteAddress('10.0.0.1', address, 1)).toBe(counted);
});

test('what a client says of itself is not believed, what proxies in front say is', () => {
  const forwarded = '198.51.100.1, 203.0.113.7, 10.0.0.2';
  expect(remoteAddress('10.0.0.1', forwarded, 0)).toBe('10.0.0.1');
  expect(remoteAddress('10.0.0.1', forwarded, 1)).toBe('10.0.0.2');
  expect(remoteAddress('10.0.0.1', forwarded, 2)).toBe('203.0.113.7');
  expect(remoteAddress('10.0.0.1', '203.0.113.7', 2)).toBe('10.0.0.1');
  expect(remoteAddress('10.0.0.1', '', 2)).toBe('10.0.0.1');
});
