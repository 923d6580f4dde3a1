import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NOW, World } from '#commands/world.ts';
import { accountsProjection } from '#projections/accounts/projection.ts';
import { MemoryDb } from '#projections/memory-db.ts';
import { isStrataError } from '#src/errors.ts';
import { accounts } from './domain.ts';
import { accountView } from './state.ts';

const seed = Date.now() % 2 ** 31;

const account = 'acme';
const amount = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 1, max: 30 }) },
  { weight: 1, arbitrary: fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER - 40) },
);
const hold = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h');
const ttlSeconds = fc.integer({ min: 1, max: 60 });
/** What is sent, how many milliseconds after the one before. */
const step = fc.record({
  waitMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 20_000 })),
  command: fc.oneof(
    fc.record({
      type: fc.constant('GrantCredits'),
      amount,
      priority: fc.integer({ min: 0, max: 3 }),
      ttlSeconds: fc.option(ttlSeconds),
    }),
    fc.record({ type: fc.constant('DebitCredits'), amount, operation: fc.constantFrom('upload', 'pin') }),
    fc.record({ type: fc.constant('PlaceHold'), hold, amount, ttlSeconds }),
    fc.record({ type: fc.constant('SettleHold'), hold, amount }),
    fc.record({ type: fc.constant('VoidHold'), hold }),
    fc.record({ type: fc.constant('ExpireDue') }),
  ),
});
type Step = {
  readonly waitMs: number;
  readonly command: { readonly type: string; readonly ttlSeconds?: number | null };
};

/** Sends the commands, in time; returns after each what it added. */
function run(world: World, steps: readonly Step[], visit: (added: number) => void): void {
  let at = NOW;
  world.send('OpenAccount', { account }, { at });
  for (const { waitMs, command } of steps) {
    at += waitMs;
    const { type, ttlSeconds, ...fields } = command;
    const time =
      type === 'GrantCredits'
        ? { expiresAt: ttlSeconds ? new Date(at + ttlSeconds * 1000).toISOString() : null }
        : { ...(ttlSeconds && { ttlSeconds }) };
    let added = 0;
    try {
      added = world.send(type, { account, ...fields, ...time }, { at }).events.length;
    } catch (error) {
      if (!isStrataError(error) || error.status >= 500) throw error;
    }
    visit(added);
  }
}

test(`credits are conserved and no balance falls below zero, whatever is sent (seed ${seed})`, () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const world = new World(accounts);
      run(world, steps, () => {
        const { available, held, spent, expired, granted, grants, holds } = world.state('account-acme', accountView)!;
        expect(Math.min(available, held, spent, expired)).toBeGreaterThanOrEqual(0);
        expect(BigInt(granted)).toBe(BigInt(available) + BigInt(held) + BigInt(spent) + BigInt(expired));
        expect(available).toBe(grants.reduce((sum, grant) => sum + grant.available, 0));
        expect(held).toBe(holds.reduce((sum, { amount }) => sum + amount, 0));
        // What is held is held of grants that are there, or that expired meanwhile.
        const parts = holds.flatMap(({ from }) => from);
        for (const grant of grants) {
          const ofGrant = parts.filter((part) => part.grant === grant.id);
          expect(grant.held).toBe(ofGrant.reduce((sum, part) => sum + part.amount, 0));
          expect(grant.available + grant.held).toBeGreaterThan(0);
        }
      });
    }),
    { seed, numRuns: 300 },
  );
});

test(`a hold is closed once (seed ${seed})`, () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const world = new World(accounts);
      run(world, steps, () => {});
      const open = new Set<unknown>();
      for (const { type, data } of world.events) {
        if (type === 'HoldPlaced') {
          expect(open.has(data.hold)).toBe(false);
          open.add(data.hold);
        }
        if (type === 'HoldSettled' || type === 'HoldVoided' || type === 'HoldExpired') {
          expect(open.delete(data.hold)).toBe(true);
        }
      }
    }),
    { seed, numRuns: 300 },
  );
});

test(`nothing that is due is left behind by an accepted command (seed ${seed})`, () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const world = new World(accounts);
      run(world, steps, (added) => {
        if (added === 0) return;
        const { grants, holds } = world.state('account-acme', accountView)!;
        const now = world.events.at(-1)!.at;
        for (const { expiresAtMs } of [...grants, ...holds]) expect(expiresAtMs).toBeGreaterThan(now);
      });
    }),
    { seed, numRuns: 300 },
  );
});

test(`the projection's balance is the decider's state, and the statement adds up to it (seed ${seed})`, () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const world = new World(accounts);
      run(world, steps, () => {});
      const db = new MemoryDb(accountsProjection).fold(world.events);
      const { available, held, spent, expired, granted } = world.state('account-acme', accountView)!;
      const document = JSON.parse(db.collection('accounts').get('acme')!.bytes.toString());
      expect(document).toEqual({ account, contact: null, available, held, spent, expired, granted });

      const entries = db.collection('entries').scan({ prefix: 'acme/', limit: 1000 }).items;
      const sum = (...kinds: string[]) =>
        entries
          .map(({ bytes }) => JSON.parse(bytes.toString()))
          .filter(({ kind }) => kinds.includes(kind))
          .reduce((total: number, entry) => total + entry.amount, 0);
      expect(sum('grant')).toBe(granted);
      expect(sum('debit', 'settle')).toBe(spent);
    }),
    { seed, numRuns: 200 },
  );
});
