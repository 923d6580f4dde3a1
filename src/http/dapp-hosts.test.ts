import { expect, test } from 'vitest';
import { DappHosts } from './dapp-hosts.ts';

const hosts = new DappHosts('dapps.example.org');

test('one label under the domain is a dapp', () => {
  expect(hosts.dappOf('wall.dapps.example.org')).toEqual({ label: 'wall', deploy: null });
  expect(hosts.dappOf('Wall.Dapps.Example.ORG:8080')).toEqual({ label: 'wall', deploy: null });
  expect(hosts.dappOf('wall.dapps.example.org.')).toEqual({ label: 'wall', deploy: null });
});

test('digits of a hash before the name are a deploy', () => {
  expect(hosts.dappOf('0123456789ab--wall.dapps.example.org')).toEqual({
    label: '0123456789ab--wall',
    deploy: { prefix: '0123456789ab', dapp: 'wall' },
  });
  // Too few digits, or none: a name like any other.
  expect(hosts.dappOf('0123456789a--wall.dapps.example.org')).toMatchObject({ deploy: null });
  expect(hosts.dappOf('x--wall.dapps.example.org')).toMatchObject({ deploy: null });
});

test('all else serves the API', () => {
  for (const host of [
    '',
    'dapps.example.org',
    'example.org',
    'a.b.dapps.example.org',
    '-a.dapps.example.org',
    '[::1]:80',
  ]) {
    expect(hosts.dappOf(host)).toBeNull();
  }
});
