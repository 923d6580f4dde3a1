import { expect, test } from 'vitest';
import { happened, specify } from '#commands/specification.ts';
import { holderOf, NOW, SYSTEM, World } from '#commands/world.ts';
import { accounts } from './domain.ts';
import { type Account, accountView } from './state.ts';

const account = 'acme';
const { given } = specify(accounts, () => 'account-acme');

const opened = happened('AccountOpened', { account, contact: 'acme@example.com' });
const granted = (grant: string, amount: number, expiresAt: string | null = null) =>
  happened('CreditsGranted', { account, grant, amount, priority: 100, expiresAt });
const erased = (...keys: string[]) => happened('AccountErased', { account, keys });
const hash = 'e'.repeat(64);

test('an account is erased with its keys, by the admin and the server only', () => {
  const issued = happened('KeyIssued', { account, key: 'k', hash, role: 'account', expiresAt: null });
  given(opened).when('EraseAccount', { account }).then(erased());
  given(opened, issued).when('EraseAccount', { account }, { as: SYSTEM }).then(erased(hash));
  given(opened, issued, happened('KeyRevoked', { account, key: 'k', hash }))
    .when('EraseAccount', { account })
    .then(erased());
  given(opened)
    .when('EraseAccount', { account }, { as: holderOf(account) })
    .thenRefused('auth.forbidden');
  given().when('EraseAccount', { account }).thenRefused('account.unknown');
});

test('what is left of its credits expires, held ones too', () => {
  const later = new Date(NOW + 60_000).toISOString();
  given(
    opened,
    granted('g1', 10, later),
    granted('g2', 5),
    happened('HoldPlaced', { account, hold: 'h', amount: 4, expiresAt: later, from: [{ grant: 'g1', amount: 4 }] }),
  )
    .when('EraseAccount', { account })
    .then(
      happened('HoldExpired', { account, hold: 'h', released: 4, expired: 0 }),
      happened('GrantExpired', { account, grant: 'g1', amount: 10 }),
      happened('GrantExpired', { account, grant: 'g2', amount: 5 }),
      erased(),
    );
});

test('the ledger of an erased account is whole', () => {
  const world = new World(accounts);
  world.send('OpenAccount', { account });
  for (const amount of [7, 11, 13]) world.send('GrantCredits', { account, amount });
  world.send('DebitCredits', { account, amount: 9, operation: 'pin' });
  world.send('PlaceHold', { account, hold: 'h', amount: 12, ttlSeconds: 60 });
  world.send('EraseAccount', { account });
  const state: Account | null = world.state('account-acme', accountView);
  expect(state).toMatchObject({ granted: 31, available: 0, held: 0, spent: 9, expired: 22, keys: [], erased: true });
});

test.each([
  ['GrantCredits', { amount: 1 }],
  ['DebitCredits', { amount: 1, operation: 'pin' }],
  ['PlaceHold', { hold: 'h', amount: 1, ttlSeconds: 1 }],
  ['IssueKey', {}],
  ['EraseAccount', {}],
  ['OpenAccount', {}],
])('an erased account refuses %s', (command, data) => {
  given(opened, erased())
    .when(command, { account, ...data })
    .thenRefused('history.erased');
});

test('what was still to fall due does not wake it', () => {
  given(opened, granted('g', 1), erased()).when('ExpireDue', { account }, { as: SYSTEM }).thenNothing();
});
