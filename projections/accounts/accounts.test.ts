import { expect, test } from 'vitest';
import { accounts } from '#commands/accounts/domain.ts';
import { holderOf, NOW, World } from '#commands/world.ts';
import { MemoryDb } from '#projections/memory-db.ts';
import { byAccount, Queries } from '#projections/reading.ts';
import { principalOfKey } from './principal.ts';

function ledger() {
  const world = new World(accounts);
  world.send('OpenAccount', { account: 'acme' });
  world.send('OpenAccount', { account: 'other' });
  const soon = new Date(NOW + 1000).toISOString();
  world.send('GrantCredits', { account: 'acme', amount: 100 });
  world.send('GrantCredits', { account: 'acme', amount: 7, expiresAt: soon });
  world.send('PlaceHold', { account: 'acme', hold: 'h', amount: 50, ttlSeconds: 60 });
  world.send('DebitCredits', { account: 'acme', amount: 30, operation: 'upload', bytes: 12, reference: 'photo' });
  world.send('SettleHold', { account: 'acme', hold: 'h', amount: 20 }, { at: NOW + 2000 });
  const db = new MemoryDb(...accounts.projections).fold(world.events);
  return { world, db, queries: new Queries(world, db, accounts.queryRoutes) };
}

const acme = { account: 'acme', available: 57, held: 0, spent: 50, expired: 0, granted: 107 };

test('a balance has what the contract names, and nothing else', async () => {
  const { queries } = ledger();
  expect(await queries.body('/v1/accounts/{account}', { params: { account: 'acme' } })).toEqual(acme);
});

test('an account’s key sees its own account only', async () => {
  const { queries } = ledger();
  const other = { account: 'other', available: 0, held: 0, spent: 0, expired: 0, granted: 0 };
  const reader = byAccount('other');
  const params = { account: 'acme' };
  expect(await queries.body('/v1/accounts/{account}', { params, reader })).toBe('account.unknown');
  expect(await queries.body('/v1/accounts/{account}/entries', { params, reader })).toBe('account.unknown');
  expect(await queries.body('/v1/accounts', { reader })).toEqual({ items: [other], next: null });
  expect(await queries.body('/v1/accounts')).toEqual({ items: [acme, other], next: null });
  expect(await queries.body('/v1/accounts/{account}', { params: { account: 'none' } })).toBe('account.unknown');
});

test('the statement tells what moved credits, oldest or newest first, in pages', async () => {
  const { queries } = ledger();
  const params = { account: 'acme' };
  const path = '/v1/accounts/{account}/entries';
  const read = async (query: { readonly [name: string]: string }) =>
    (await queries.body(path, { params, query })) as { items: readonly { kind: string }[]; next: string | null };
  const { items } = await read({});
  expect(items.map(({ kind }) => kind)).toEqual(['grant', 'grant', 'hold', 'debit', 'settle']);
  expect(items[3]).toEqual({
    kind: 'debit',
    amount: 30,
    operation: 'upload',
    reference: 'photo',
    position: 'p6',
    at: '2026-05-01T12:00:00.000Z',
  });
  expect(items[2]).toMatchObject({ kind: 'hold', amount: 50, operation: null, reference: 'h' });
  expect((await read({ order: 'newest' })).items).toEqual(items.toReversed());
  const first = await read({ limit: '3' });
  const second = await read({ limit: '3', cursor: first.next! });
  expect([...first.items, ...second.items]).toEqual(items);
  expect(second.next).toBeNull();
});

test('a key is its account’s, until it is revoked or expires', () => {
  const { world, db } = ledger();
  const expiresAt = new Date(NOW + 5000).toISOString();
  const sent = [
    world.send('IssueKey', { account: 'acme' }),
    world.send('IssueKey', { account: 'acme', expiresAt }),
    world.send('IssueKey', { account: 'acme', role: 'admin' }),
  ];
  for (const { events } of sent) db.fold(events);
  const [plain, brief, admin] = sent.map(({ made }) => made.hash!);
  expect(principalOfKey(db, plain!, NOW)).toEqual(holderOf('acme'));
  expect(principalOfKey(db, brief!, NOW + 4999)).toEqual(holderOf('acme'));
  expect(principalOfKey(db, brief!, NOW + 5000)).toBeNull();
  expect(principalOfKey(db, admin!, NOW)).toEqual({ role: 'admin', account: null, actor: 'admin' });
  expect(principalOfKey(db, 'f'.repeat(64), NOW)).toBeNull();
  db.fold(world.send('RevokeKey', { account: 'acme', key: sent[0]!.made.key! }).events);
  expect(principalOfKey(db, plain!, NOW)).toBeNull();
});
