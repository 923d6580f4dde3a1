import { test } from 'vitest';
import { happened, specify } from '#commands/specification.ts';
import { holderOf, SYSTEM } from '#commands/world.ts';
import { accounts } from './domain.ts';

const { given } = specify(accounts, ({ data }) => `account-${data.account}`);
const opened = happened('AccountOpened', { account: 'acme', contact: null });

test('an account is opened once, by the admin', () => {
  given().when('OpenAccount', { account: 'acme' }).then(opened);
  given()
    .when('OpenAccount', { account: 'acme', contact: 'ada@example.org' })
    .then(happened('AccountOpened', { account: 'acme', contact: 'ada@example.org' }));
  given(opened).when('OpenAccount', { account: 'acme' }).thenRefused('account.exists');
  given()
    .when('OpenAccount', { account: 'acme' }, { as: holderOf('acme') })
    .thenRefused('auth.forbidden');
});

test.each([
  { account: 'Acme' },
  { account: '-acme' },
  { account: 'a'.repeat(64) },
  { account: 'acme', contact: 'a\ud800' },
  { account: 'acme', contact: '' },
  { account: 'acme', contact: 'a\u0000' },
  { account: 'acme', role: 'admin' },
])('an account of the wrong shape is refused: %j', (data) => {
  given().when('OpenAccount', data).thenRefused('request.invalid');
});

const commands = [
  ['GrantCredits', { amount: 1 }],
  ['DebitCredits', { amount: 1, operation: 'pin' }],
  ['PlaceHold', { hold: 'h', amount: 1, ttlSeconds: 60 }],
  ['SettleHold', { hold: 'h', amount: 1 }],
  ['VoidHold', { hold: 'h' }],
  ['IssueKey', {}],
  ['RevokeKey', { key: 'k' }],
  ['ExpireDue', {}],
] as const;

test.each(commands)('%s takes an account that is there', (type, data) => {
  given()
    .when(type, { account: 'acme', ...data })
    .thenRefused('account.unknown');
});

test.each(['DebitCredits', 'PlaceHold', 'SettleHold', 'VoidHold'])(
  'to an account’s key others are not there: %s',
  (type) => {
    const [, data] = commands.find(([name]) => name === type)!;
    given(opened)
      .when(type, { account: 'acme', ...data }, { as: holderOf('other') })
      .thenRefused('account.unknown');
  },
);

test.each(['GrantCredits', 'IssueKey', 'RevokeKey', 'ExpireDue'])('%s is not an account’s to send', (type) => {
  const [, data] = commands.find(([name]) => name === type)!;
  given(opened)
    .when(type, { account: 'acme', ...data }, { as: holderOf('acme') })
    .thenRefused('auth.forbidden');
});

test('nothing is due on an account without grants and holds', () => {
  given(opened).when('ExpireDue', { account: 'acme' }, { as: SYSTEM }).thenNothing();
});
