import { test } from 'vitest';
import { happened, specify } from '#commands/specification.ts';
import { holderOf, NOW, SYSTEM } from '#commands/world.ts';
import { GRANTS_MAX } from './credits.ts';
import { accounts } from './domain.ts';

const { given } = specify(accounts, ({ data }) => `account-${data.account}`);
const opened = happened('AccountOpened', { account: 'acme', contact: null });

const LATER = '2026-05-01T13:00:00.000Z';
const MUCH_LATER = '2026-05-02T12:00:00.000Z';

function granted(grant: string, amount: number, priority = 100, expiresAt: string | null = null) {
  return happened('CreditsGranted', { account: 'acme', grant, amount, priority, expiresAt });
}

function debited(amount: number, from: Record<string, number>, operation = 'pin') {
  const parts = Object.entries(from).map(([grant, part]) => ({ grant, amount: part }));
  return happened('CreditsDebited', { account: 'acme', amount, operation, bytes: null, reference: null, from: parts });
}

function debit(amount: number) {
  return { account: 'acme', amount, operation: 'pin' };
}

test('credits are granted, of priority 100 and for ever unless told', () => {
  given(opened).when('GrantCredits', { account: 'acme', amount: 10 }).then(granted('grant-1', 10));
  given(opened)
    .when('GrantCredits', { account: 'acme', amount: 10, priority: 0, expiresAt: '2026-05-01T15:00:00+02:00' })
    .then(granted('grant-1', 10, 0, LATER));
});

test('a grant lies in the future and in what an account can count', () => {
  const past = { account: 'acme', amount: 1, expiresAt: '2026-05-01T12:00:00Z' };
  given(opened).when('GrantCredits', past).thenRefused('credits.expired');
  given(opened, granted('g', Number.MAX_SAFE_INTEGER - 5))
    .when('GrantCredits', { account: 'acme', amount: 5 })
    .then(granted('grant-1', 5));
  given(opened, granted('g', Number.MAX_SAFE_INTEGER - 5), debited(5, { g: 5 }))
    .when('GrantCredits', { account: 'acme', amount: 6 })
    .thenRefused('credits.limit');
});

test('unspent grants are bounded in number', () => {
  const many = Array.from({ length: GRANTS_MAX }, (_, at) => granted(`g${at}`, 1));
  given(opened, ...many)
    .when('GrantCredits', { account: 'acme', amount: 1 })
    .thenRefused('credits.too-many-grants');
  given(opened, ...many, debited(1, { g0: 1 }))
    .when('GrantCredits', { account: 'acme', amount: 1 })
    .then(granted('grant-1', 1));
});

test.each([0, -1, 1.5, Number.MAX_SAFE_INTEGER + 1, '5', null])('%j is no amount', (amount) => {
  given(opened).when('GrantCredits', { account: 'acme', amount }).thenRefused('request.invalid');
  given(opened).when('DebitCredits', { account: 'acme', amount, operation: 'pin' }).thenRefused('request.invalid');
});

test('a debit says what it was for', () => {
  given(opened, granted('g', 10))
    .when(
      'DebitCredits',
      { account: 'acme', amount: 3, operation: 'upload', bytes: 12, reference: 'photo' },
      { as: holderOf('acme') },
    )
    .then(
      happened('CreditsDebited', {
        account: 'acme',
        amount: 3,
        operation: 'upload',
        bytes: 12,
        reference: 'photo',
        from: [{ grant: 'g', amount: 3 }],
      }),
    );
  given(opened).when('DebitCredits', { account: 'acme', amount: 3, operation: 'mint' }).thenRefused('request.invalid');
});

test('no more is spent than is available', () => {
  given(opened, granted('g', 10), debited(4, { g: 4 }))
    .when('DebitCredits', debit(6))
    .then(debited(6, { g: 6 }));
  given(opened, granted('g', 10), debited(4, { g: 4 }))
    .when('DebitCredits', debit(7))
    .thenRefused('credits.insufficient');
});

test('grants are spent by priority, then soonest expiry, then age', () => {
  given(
    opened,
    granted('old', 1),
    granted('new', 1),
    granted('late', 1, 100, MUCH_LATER),
    granted('soon', 1, 100, LATER),
    granted('first', 1, 0),
  )
    .when('DebitCredits', debit(4))
    .then(debited(4, { first: 1, soon: 1, late: 1, old: 1 }));
});

test('what has expired is written down first, and cannot be spent', () => {
  const at = Date.parse(LATER);
  const expired = happened('GrantExpired', { account: 'acme', grant: 'soon', amount: 5 });
  const past = [opened, granted('soon', 5, 100, LATER), granted('g', 3)];
  given(...past)
    .when('DebitCredits', debit(3), { at })
    .then(expired, debited(3, { g: 3 }));
  given(...past)
    .when('DebitCredits', debit(4), { at })
    .thenRefused('credits.insufficient');
  given(...past)
    .when('DebitCredits', debit(8), { at: at - 1 })
    .then(debited(8, { soon: 5, g: 3 }));
});

test('what falls due on an idle account is written down in its order', () => {
  const past = [opened, granted('b', 2, 0, MUCH_LATER), granted('a', 1, 100, LATER)];
  given(...past)
    .when('ExpireDue', { account: 'acme' }, { at: Date.parse(MUCH_LATER), as: SYSTEM })
    .then(
      happened('GrantExpired', { account: 'acme', grant: 'a', amount: 1 }),
      happened('GrantExpired', { account: 'acme', grant: 'b', amount: 2 }),
    );
  given(...past)
    .when('ExpireDue', { account: 'acme' }, { at: NOW })
    .thenNothing();
});
