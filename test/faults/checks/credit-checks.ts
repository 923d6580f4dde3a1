import { type Check, Findings } from '#src/audit/report.ts';
import { FLEETING_ACCOUNT } from '../clients/ground.ts';
import type { Operation } from '../clients/operation.ts';
import { type Evidence, type LoggedEvent, offsetOf } from './evidence.ts';
import { Ledger } from './ledger.ts';

const PREFIX = 'account-';

/** The ledgers of all accounts, and whether they hold at every position. */
export function checkBalances(log: readonly LoggedEvent[]): {
  readonly check: Check;
  readonly ledgers: ReadonlyMap<string, Ledger>;
} {
  const findings = new Findings();
  const ledgers = new Map<string, Ledger>();
  const grants = new Set<string>();
  for (const event of log) {
    if (!event.stream.startsWith(PREFIX)) continue;
    const account = event.stream.slice(PREFIX.length);
    const ledger = ledgers.get(account) ?? new Ledger();
    ledgers.set(account, ledger);
    const problem = ledger.add(event);
    if (problem !== null) findings.add(`position ${event.offset}: ${account}: ${problem}`);
    const given = event.type === 'CreditsGranted' || event.type === 'GrantExpired' ? event : null;
    if (given === null) continue;
    const once = `${given.type} ${given.data.grant}`;
    if (grants.has(once)) findings.add(`position ${event.offset}: ${account}: ${once} comes twice`);
    grants.add(once);
  }
  const changes = [...ledgers.values()].reduce((sum, { balances }) => sum + balances.length, 0);
  const told = `${ledgers.size} accounts, ${changes} changes`;
  return { check: findings.check('no balance is below zero, and credits conserve', told), ledgers };
}

/**
 * Where credits were refused, there was a position between asking and answering at which there were too few: so no
 * instance answered from a state that was past. Where grants expire, that cannot be told from the log: an expiry
 * that is due refuses before it is written.
 */
export function checkRefusals({ history }: Evidence, ledgers: ReadonlyMap<string, Ledger>): Check {
  const findings = new Findings();
  const window = windowsOf(history);
  let refused = 0;
  for (const operation of history) {
    const { step, outcome } = operation;
    if (outcome.is !== 'refused' || outcome.code !== 'credits.insufficient' || step.takes === undefined) continue;
    const { account, amount } = step.takes;
    if (account === FLEETING_ACCOUNT) continue;
    refused += 1;
    const { from, to } = window(operation);
    const least = ledgers.get(account)?.leastAvailable(from, to) ?? 0;
    if (least >= amount) {
      findings.add(
        `${step.effect} of ${amount} from ${account} was refused by ${operation.instance}, though from position ` +
          `${from} to ${to} at least ${least} were available`,
      );
    }
  }
  return findings.check('credits were refused only where there were too few', `${refused} refusals`);
}

/** What was read of an account is what it was at the position that the answer names. */
export function checkReads({ history }: Evidence, ledgers: ReadonlyMap<string, Ledger>): Check {
  const findings = new Findings();
  let reads = 0;
  for (const { step, outcome, instance } of history) {
    if (outcome.is !== 'read') continue;
    reads += 1;
    const offset = offsetOf(outcome.position);
    const { account, available, held, spent, expired, granted } = outcome.body;
    const told = { available, held, spent, expired, granted };
    const { offset: _, ...was } = ledgers.get(account)?.at(offset) ?? { offset };
    if (JSON.stringify(told) !== JSON.stringify(was)) {
      findings.add(
        `${instance} told ${account} at ${offset} as ${JSON.stringify(told)}, it was ${JSON.stringify(was)}`,
      );
    }
    if (step.least !== undefined && offset < offsetOf(step.least)) {
      findings.add(`${instance} told ${account} at ${offset}, asked for at least ${step.least}`);
    }
  }
  return findings.check('accounts were read as they were at the position told', `${reads} reads`);
}

/** Which positions the log can have ended at while an operation was under way, as the other answers say. */
function windowsOf(history: readonly Operation[]): (operation: Operation) => { from: number; to: number } {
  const placed = history.flatMap(({ invokedMs, answeredMs, outcome }) =>
    outcome.is === 'accepted' && outcome.events.length > 0
      ? [{ invokedMs, answeredMs, offset: offsetOf(outcome.position) }]
      : [],
  );
  const byAnswer = placed.toSorted((a, b) => a.answeredMs - b.answeredMs);
  const byInvocation = placed.toSorted((a, b) => a.invokedMs - b.invokedMs);
  const highestUpTo: number[] = [];
  for (const { offset } of byAnswer) highestUpTo.push(Math.max(offset, highestUpTo.at(-1) ?? 0));
  const lowestFrom: number[] = Array(byInvocation.length);
  for (let at = byInvocation.length - 1; at >= 0; at -= 1) {
    lowestFrom[at] = Math.min(byInvocation[at]!.offset, lowestFrom[at + 1] ?? Number.POSITIVE_INFINITY);
  }
  return ({ invokedMs, answeredMs }) => {
    const before = countBelow(byAnswer, invokedMs, (each) => each.answeredMs);
    const after = countBelow(byInvocation, answeredMs, (each) => each.invokedMs);
    return { from: highestUpTo[before - 1] ?? 0, to: (lowestFrom[after] ?? Number.POSITIVE_INFINITY) - 1 };
  };
}

/** How many items of a sorted array are below the limit. */
function countBelow<Item>(items: readonly Item[], limit: number, timeOf: (item: Item) => number): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (timeOf(items[middle]!) < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
