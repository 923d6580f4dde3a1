import { expect, test } from 'vitest';
import { happened, specify } from '#commands/specification.ts';
import { holderOf, NOW, SYSTEM, World } from '#commands/world.ts';
import { accounts } from './domain.ts';
import { HOLDS_MAX } from './holds.ts';
import { expiry } from './reactors.ts';

const { given } = specify(accounts, ({ data }) => `account-${data.account}`);
const opened = happened('AccountOpened', { account: 'acme', contact: null });

const SOON = '2026-05-01T12:01:00.000Z';
const LATER = '2026-05-01T13:00:00.000Z';

function granted(grant: string, amount: number, expiresAt: string | null = null) {
  return happened('CreditsGranted', { account: 'acme', grant, amount, priority: 100, expiresAt });
}

function held(hold: string, amount: number, from: Record<string, number>, expiresAt = LATER) {
  const parts = Object.entries(from).map(([grant, part]) => ({ grant, amount: part }));
  return happened('HoldPlaced', { account: 'acme', hold, amount, expiresAt, from: parts });
}

function settled(hold: string, amount: number, released: number, expired = 0) {
  return happened('HoldSettled', { account: 'acme', hold, amount, released, expired });
}

const voided = happened('HoldVoided', { account: 'acme', hold: 'h', released: 6, expired: 0 });
const lapsed = happened('HoldExpired', { account: 'acme', hold: 'h', released: 6, expired: 0 });
const grantExpired = (amount: number) => happened('GrantExpired', { account: 'acme', grant: 'g', amount });
const debitOf = (amount: number) => ({ account: 'acme', amount, operation: 'pin' });

test('a hold takes what is available out of reach', () => {
  given(opened, granted('g', 10))
    .when('PlaceHold', { account: 'acme', hold: 'h', amount: 6, ttlSeconds: 3600 }, { as: holderOf('acme') })
    .then(held('h', 6, { g: 6 }));
  const past = [opened, granted('g', 10), held('h', 6, { g: 6 })];
  given(...past)
    .when('DebitCredits', debitOf(5))
    .thenRefused('credits.insufficient');
  given(...past)
    .when('PlaceHold', { account: 'acme', hold: 'other', amount: 5, ttlSeconds: 1 })
    .thenRefused('credits.insufficient');
});

test('a hold’s name is used once', () => {
  const again = { account: 'acme', hold: 'h', amount: 1, ttlSeconds: 60 };
  given(opened, granted('g', 10), held('h', 6, { g: 6 }))
    .when('PlaceHold', again)
    .thenRefused('hold.exists');
  given(opened, granted('g', 10), held('h', 6, { g: 6 }), voided)
    .when('PlaceHold', again)
    .thenRefused('hold.exists');
});

test('open holds are bounded in number', () => {
  const many = Array.from({ length: HOLDS_MAX }, (_, at) => held(`h${at}`, 1, { g: 1 }));
  given(opened, granted('g', HOLDS_MAX + 1), ...many)
    .when('PlaceHold', { account: 'acme', hold: 'more', amount: 1, ttlSeconds: 60 })
    .thenRefused('hold.too-many');
});

test.each([
  { hold: 'a/b', amount: 1, ttlSeconds: 1 },
  { hold: 'h', amount: 1, ttlSeconds: 0 },
  { hold: 'h', amount: 1, ttlSeconds: 2_592_001 },
  { hold: 'h', amount: 1 },
])('a hold of the wrong shape is refused: %j', (data) => {
  given(opened, granted('g', 1))
    .when('PlaceHold', { account: 'acme', ...data })
    .thenRefused('request.invalid');
});

test('a hold is settled in part or whole, once; the rest is available again', () => {
  const past = [opened, granted('g', 10), held('h', 6, { g: 6 })];
  given(...past)
    .when('SettleHold', { account: 'acme', hold: 'h', amount: 6 })
    .then(settled('h', 6, 0));
  given(...past)
    .when('SettleHold', { account: 'acme', hold: 'h', amount: 2 })
    .then(settled('h', 2, 4));
  given(...past)
    .when('SettleHold', { account: 'acme', hold: 'h', amount: 7 })
    .thenRefused('hold.exceeded');
  given(...past, settled('h', 2, 4))
    .when('SettleHold', { account: 'acme', hold: 'h', amount: 1 })
    .thenRefused('hold.closed');
  given(...past, settled('h', 2, 4))
    .when('DebitCredits', debitOf(9))
    .thenRefused('credits.insufficient');
  given(...past, settled('h', 2, 4))
    .when('DebitCredits', debitOf(8))
    .then(
      happened('CreditsDebited', { ...debitOf(8), bytes: null, reference: null, from: [{ grant: 'g', amount: 8 }] }),
    );
});

test('a hold is voided once', () => {
  const past = [opened, granted('g', 10), held('h', 6, { g: 6 })];
  given(...past)
    .when('VoidHold', { account: 'acme', hold: 'h' })
    .then(voided);
  given(...past, voided)
    .when('VoidHold', { account: 'acme', hold: 'h' })
    .thenRefused('hold.closed');
  given(...past, voided)
    .when('SettleHold', { account: 'acme', hold: 'h', amount: 1 })
    .thenRefused('hold.closed');
});

test('a hold that never was is unknown', () => {
  given(opened).when('VoidHold', { account: 'acme', hold: 'h' }).thenRefused('hold.unknown');
  given(opened).when('SettleHold', { account: 'acme', hold: 'h', amount: 1 }).thenRefused('hold.unknown');
});

test('a hold expires at its time: then it is closed, and what it held is available', () => {
  const past = [opened, granted('g', 10), held('h', 6, { g: 6 })];
  const at = Date.parse(LATER);
  given(...past)
    .when('ExpireDue', { account: 'acme' }, { at, as: SYSTEM })
    .then(lapsed);
  given(...past)
    .when('ExpireDue', { account: 'acme' }, { at: at - 1, as: SYSTEM })
    .thenNothing();
  given(...past)
    .when('SettleHold', { account: 'acme', hold: 'h', amount: 1 }, { at })
    .thenRefused('hold.closed');
  given(...past)
    .when('VoidHold', { account: 'acme', hold: 'h' }, { at })
    .thenRefused('hold.closed');
});

test('what a hold releases after its grant expired becomes expired', () => {
  const past = [opened, granted('g', 10, SOON), granted('ever', 10), held('h', 12, { g: 10, ever: 2 })];
  const at = Date.parse(SOON);
  given(...past)
    .when('VoidHold', { account: 'acme', hold: 'h' }, { at })
    .then(grantExpired(0), happened('HoldVoided', { account: 'acme', hold: 'h', released: 2, expired: 10 }));
  given(...past)
    .when('SettleHold', { account: 'acme', hold: 'h', amount: 4 }, { at })
    .then(grantExpired(0), settled('h', 4, 2, 6));
  given(...past)
    .when('ExpireDue', { account: 'acme' }, { at: Date.parse(LATER), as: SYSTEM })
    .then(grantExpired(0), happened('HoldExpired', { account: 'acme', hold: 'h', released: 2, expired: 10 }));
});

test('a hold may be settled after its grant expired', () => {
  given(opened, granted('g', 10, SOON), held('h', 10, { g: 10 }), grantExpired(0))
    .when('SettleHold', { account: 'acme', hold: 'h', amount: 10 }, { at: Date.parse(SOON) })
    .then(settled('h', 10, 0));
});

test('idle accounts are woken when a hold or a grant of theirs falls due', () => {
  const world = new World(accounts);
  const [placed, granting, forEver, other] = world.append('account-acme', [
    opened,
    granted('g', 10, SOON),
    granted('ever', 1),
    held('h', 6, { g: 6 }),
  ]);
  expect(expiry.react(placed!)).toEqual([]);
  const wake = { type: 'ExpireDue', data: { account: 'acme' } };
  expect(expiry.react(granting!)).toEqual([{ ...wake, dueAt: Date.parse(SOON) }]);
  expect(expiry.react(forEver!)).toEqual([]);
  expect(expiry.react(other!)).toEqual([{ ...wake, dueAt: NOW + 3_600_000 }]);
});
