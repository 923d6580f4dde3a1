import { assert } from '#src/assert.ts';
import type { Part } from './events.ts';

/** What is left of a grant: available, or held. One with neither is forgotten. */
export type Grant = {
  readonly id: string;
  /** Lower is spent first. */
  readonly priority: number;
  /** ms since 1970; `Infinity` for one that never expires. */
  readonly expiresAtMs: number;
  readonly available: number;
  readonly held: number;
};

/** Grants in the order in which they are spent: by priority, then soonest expiry, then age. */
export type Grants = readonly Grant[];

/** Adds a grant behind those that are spent before it, equal ones included: they are older. */
export function withGrant(grants: Grants, grant: Grant): Grants {
  const at = grants.findIndex((other) => isBefore(grant, other));
  return at === -1 ? [...grants, grant] : grants.toSpliced(at, 0, grant);
}

function isBefore(a: Grant, b: Grant): boolean {
  return a.priority === b.priority ? a.expiresAtMs < b.expiresAtMs : a.priority < b.priority;
}

/** From which grants the amount comes; it must be available. */
export function partsOf(grants: Grants, amount: number): Part[] {
  const parts: Part[] = [];
  let missing = amount;
  for (const { id, available } of grants) {
    if (missing === 0) break;
    const taken = Math.min(available, missing);
    if (taken > 0) parts.push({ grant: id, amount: taken });
    missing -= taken;
  }
  assert(missing === 0, 'what is taken from grants is available');
  return parts;
}

/** Takes the parts out, spent for good. */
export function spent(grants: Grants, parts: readonly Part[]): Grants {
  return changed(grants, parts, (grant, amount) => ({ ...grant, available: grant.available - amount }));
}

/** Moves the parts from available to held. */
export function held(grants: Grants, parts: readonly Part[]): Grants {
  return changed(grants, parts, (grant, amount) => ({
    ...grant,
    available: grant.available - amount,
    held: grant.held + amount,
  }));
}

/** Takes held parts out, spent for good. Parts of grants that expired are nowhere any more. */
export function spentFromHeld(grants: Grants, parts: readonly Part[]): Grants {
  return changed(grants, parts, (grant, amount) => ({ ...grant, held: grant.held - amount }));
}

/** Moves held parts back to available. Parts of grants that expired stay gone. */
export function released(grants: Grants, parts: readonly Part[]): Grants {
  return changed(grants, parts, (grant, amount) => ({
    ...grant,
    available: grant.available + amount,
    held: grant.held - amount,
  }));
}

/** How much of the parts belongs to grants that are still there. */
export function amountAlive(grants: Grants, parts: readonly Part[]): number {
  const alive = new Set(grants.map(({ id }) => id));
  return parts.reduce((sum, { grant, amount }) => (alive.has(grant) ? sum + amount : sum), 0);
}

/** Cuts parts at an amount: what comes first, and the rest. */
export function cut(parts: readonly Part[], amount: number): { readonly first: Part[]; readonly rest: Part[] } {
  const first: Part[] = [];
  const rest: Part[] = [];
  let missing = amount;
  for (const part of parts) {
    const taken = Math.min(part.amount, missing);
    if (taken > 0) first.push({ grant: part.grant, amount: taken });
    if (taken < part.amount) rest.push({ grant: part.grant, amount: part.amount - taken });
    missing -= taken;
  }
  return { first, rest };
}

function changed(grants: Grants, parts: readonly Part[], change: (grant: Grant, amount: number) => Grant): Grants {
  if (parts.length === 0) return grants;
  const amounts = new Map(parts.map(({ grant, amount }) => [grant, amount]));
  const left: Grant[] = [];
  for (const grant of grants) {
    const amount = amounts.get(grant.id);
    const after = amount === undefined ? grant : change(grant, amount);
    assert(after.available >= 0 && after.held >= 0, 'no more is taken from a grant than it has');
    if (after.available > 0 || after.held > 0) left.push(after);
  }
  return left;
}
