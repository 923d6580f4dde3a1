import { expect, test } from 'vitest';
import { happened, specify } from '#commands/specification.ts';
import { World } from '#commands/world.ts';
import { accounts } from './domain.ts';
import { KEYS_MAX } from './keys.ts';

const { given } = specify(accounts, ({ data }) => `account-${data.account}`);
const opened = happened('AccountOpened', { account: 'acme', contact: null });
const LATER = '2026-05-01T13:00:00.000Z';

function issued(key: string, hash: string, role = 'account', expiresAt: string | null = null) {
  return happened('KeyIssued', { account: 'acme', key, hash: hash.padStart(64, '0'), role, expiresAt });
}

test('a key is issued for the account, or for the admin, for ever or for a while', () => {
  given(opened).when('IssueKey', { account: 'acme' }).then(issued('key-1', '2'));
  given(opened)
    .when('IssueKey', { account: 'acme', role: 'admin', expiresAt: LATER })
    .then(issued('key-1', '2', 'admin', LATER));
  given(opened).when('IssueKey', { account: 'acme', role: 'system' }).thenRefused('request.invalid');
  given(opened).when('IssueKey', { account: 'acme', expiresAt: '2026-05-01T12:00:00Z' }).thenRefused('key.expired');
});

test('the secret is made for the answer and never reaches an event', () => {
  const world = new World(accounts);
  world.send('OpenAccount', { account: 'acme' });
  const { made, events } = world.send('IssueKey', { account: 'acme' });
  expect(world.command('IssueKey').secrets).toEqual(['secret']);
  expect(JSON.stringify(events)).not.toContain(made.secret);
});

test('a key is revoked once', () => {
  const revoked = happened('KeyRevoked', { account: 'acme', key: 'k', hash: 'a'.padStart(64, '0') });
  given(opened, issued('k', 'a')).when('RevokeKey', { account: 'acme', key: 'k' }).then(revoked);
  given(opened, issued('k', 'a'), revoked).when('RevokeKey', { account: 'acme', key: 'k' }).thenRefused('key.unknown');
  given(opened).when('RevokeKey', { account: 'acme', key: 'k' }).thenRefused('key.unknown');
});

test('keys in use are bounded in number; those that expired do not count', () => {
  const many = Array.from({ length: KEYS_MAX - 1 }, (_, at) => issued(`k${at}`, at.toString(16)));
  const last = issued('last', 'ff', 'account', LATER);
  given(opened, ...many, last)
    .when('IssueKey', { account: 'acme' })
    .thenRefused('key.too-many');
  given(opened, ...many, last)
    .when('IssueKey', { account: 'acme' }, { at: Date.parse(LATER) })
    .then(issued('key-1', '2'));
});
