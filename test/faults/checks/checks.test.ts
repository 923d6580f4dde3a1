import { describe, expect, test } from 'vitest';
import type { Check } from '#src/audit/report.ts';
import type { Operation, Outcome, Step } from '../clients/operation.ts';
import { checkAcknowledged, checkAnswers, checkEffects, checkRealTime } from './answer-checks.ts';
import { checkBalances, checkReads, checkRefusals } from './credit-checks.ts';
import type { Evidence, LoggedEvent } from './evidence.ts';
import { checkSameLog } from './instance-checks.ts';
import { checkCooldown, checkOrder } from './log-checks.ts';

// Checks that find nothing are worth what they would have found: each is shown what it is for.

type EventFields = Partial<LoggedEvent> & { readonly type: string; readonly data: object };

/** A log of these events, in streams of their accounts unless told. */
function logOf(...events: readonly EventFields[]): LoggedEvent[] {
  const revisions = new Map<string, number>();
  return events.map((event, index) => {
    const offset = index + 1;
    const { account } = event.data as { readonly account?: string };
    const stream = event.stream ?? `account-${account}`;
    const revision = (revisions.get(stream) ?? -1) + 1;
    revisions.set(stream, revision);
    const at = new Date(offset).toISOString();
    const own = { id: `e${offset}`, stream, revision, position: String(offset), offset, at, recordedAt: at };
    return { ...own, actor: 'admin', ...event };
  });
}

const granted = (amount: number) => ({
  type: 'CreditsGranted',
  data: { account: 'acme', grant: `of-${amount}`, amount },
});
const debited = (reference: string, amount: number) => ({
  type: 'CreditsDebited',
  data: { account: 'acme', reference, amount },
});

/** A debit that went as told, from 10 ms to 20 ms unless told. */
function debit(name: string, outcome: Outcome, fields: Partial<Operation> = {}, key: string | null = null): Operation {
  const path = '/v1/accounts/acme/debits';
  const takes = { account: 'acme', amount: 10 };
  const step: Step = { kind: 'debit', effect: `debit ${name}`, method: 'POST', path, as: null, key, takes };
  return { client: 1, step, instance: 'instance 1', attempts: 1, invokedMs: 10, answeredMs: 20, ...fields, outcome };
}

function accepted({ id, type, data, position, revision, recordedAt, stream }: LoggedEvent): Outcome {
  return { is: 'accepted', position, stream, revision, events: [{ id, type, data, position, revision, recordedAt }] };
}

const insufficient: Outcome = { is: 'refused', status: 422, code: 'credits.insufficient' };
const unknown: Outcome = { is: 'unknown', why: 'ECONNRESET' };

const evidence = (log: readonly LoggedEvent[], ...history: readonly Operation[]): Evidence => ({
  log,
  history,
  groundTo: 1,
});

function expectFound(check: Check, finding: string): void {
  expect(check.findings.join('\n')).toContain(finding);
  expect(check.ok).toBe(false);
}

const [grant, first, second] = logOf(granted(100), debited('a', 10), debited('b', 10)) as [
  LoggedEvent,
  LoggedEvent,
  LoggedEvent,
];
const log = [grant, first, second];

test('a run as it should be', () => {
  const history = [
    debit('a', accepted(first), { invokedMs: 1, answeredMs: 2 }),
    debit('b', accepted(second), { invokedMs: 3, answeredMs: 4 }),
    debit('c', unknown),
    debit('d', { is: 'refused', status: 503, code: 'partition.moving' }),
  ];
  const shown = evidence(log, ...history);
  const { check, ledgers } = checkBalances(log);
  const checks = [
    check,
    checkOrder(log),
    checkSameLog([log, [...log]]),
    checkAcknowledged(shown),
    checkEffects(shown),
    checkRealTime(shown),
    checkAnswers(shown),
    checkRefusals(shown, ledgers),
    checkReads(shown, ledgers),
  ];
  expect(checks.filter(({ ok }) => !ok)).toEqual([]);
});

describe('what was acknowledged', () => {
  test('is lost', () => {
    expectFound(checkAcknowledged(evidence([grant, first], debit('b', accepted(second)))), 'is not in the log');
  });

  test('is at another position', () => {
    const moved = { ...second, position: '4', offset: 4 };
    expectFound(checkAcknowledged(evidence([grant, first, moved], debit('b', accepted(second)))), 'is another');
  });

  test('is in another stream', () => {
    const moved = { ...second, stream: 'account-other' };
    expectFound(checkAcknowledged(evidence([grant, moved], debit('b', accepted(second)))), 'is in the stream');
  });

  test('comes before what was answered before it was sent', () => {
    const late = debit('a', accepted(first), { invokedMs: 30, answeredMs: 40 });
    expectFound(
      checkRealTime(evidence(log, debit('b', accepted(second)), late)),
      'debit a is at 2, though debit b at 3',
    );
  });
});

describe('what was done', () => {
  const twice = logOf(granted(100), debited('a', 10), debited('a', 10));

  test.each([
    ['twice though accepted', accepted(first)],
    ['twice though unknown', unknown],
  ])('%s', (_name, outcome) => {
    expectFound(checkEffects(evidence(twice, debit('a', outcome))), 'debit a of client 1');
  });

  test('though refused', () => {
    expectFound(checkEffects(evidence(log, debit('a', insufficient), debit('b', unknown))), 'is there 1 times');
  });

  test('though nobody asked', () => {
    expectFound(checkEffects(evidence(log, debit('a', unknown))), 'debit b was asked for by nobody');
  });
});

describe('an answer', () => {
  test('that no such command has', () => {
    const outcome = { is: 'refused', status: 404, code: 'account.unknown' } as const;
    expectFound(checkAnswers(evidence(log, debit('a', outcome))), '404 account.unknown');
  });

  test('of a failure', () => {
    expectFound(checkAnswers(evidence(log, debit('a', { is: 'unknown', why: '500 server.failed' }))), '500');
  });

  test('that never came, though it had a key', () => {
    expectFound(checkAnswers(evidence(log, debit('a', unknown, {}, 'key'))), 'was not answered');
  });
});

describe('the log', () => {
  test('has a gap, an id twice, and times that fall', () => {
    expectFound(checkOrder([grant, second]), 'position 3 comes as number 2');
    expectFound(checkOrder([grant, { ...first, revision: 2 }]), 'revision 2 after 0');
    expectFound(checkOrder([grant, { ...first, id: grant.id }]), 'comes twice');
    expectFound(checkOrder([grant, { ...first, at: new Date(0).toISOString() }]), 'goes back in time');
  });

  test('is another elsewhere', () => {
    expectFound(checkSameLog([log, [grant, first]]), 'instance 1 has 3 events, 2 2');
    expectFound(checkSameLog([log, [grant, second, first]]), 'part at position 2');
  });

  test('has a pixel that came early', () => {
    const pixel = (ms: number) => ({
      type: 'PixelPlaced',
      stream: 'tile-slow-0-0',
      at: new Date(ms).toISOString(),
      data: { board: 'slow', x: 1, y: 1, color: 1 },
    });
    expect(checkCooldown(logOf(pixel(0), pixel(2000)), 'slow', 2).ok).toBe(true);
    expectFound(checkCooldown(logOf(pixel(0), pixel(1999)), 'slow', 2), '1999 ms after the last one');
  });
});

describe('credits', () => {
  test('that were not there are spent', () => {
    expectFound(checkBalances(logOf(granted(10), debited('a', 20))).check, '-10 available');
  });

  test('are made by a hold that gives back more than it took', () => {
    const hold = { account: 'acme', hold: 'h', amount: 10 };
    const placed = { type: 'HoldPlaced', data: hold };
    const voided = { type: 'HoldVoided', data: { ...hold, released: 11, expired: 0 } };
    expectFound(checkBalances(logOf(granted(10), placed, voided)).check, 'does not add up');
    expectFound(checkBalances(logOf(granted(10), voided)).check, 'was not open');
  });

  test('are granted twice', () => {
    expectFound(checkBalances(logOf(granted(10), granted(10))).check, 'comes twice');
  });

  test('are refused by one that did not know of the grant that was answered', () => {
    const told = debit('g', accepted(grant), { invokedMs: 1, answeredMs: 5 });
    const { ledgers } = checkBalances(log);
    const stale = debit('c', insufficient);
    expectFound(checkRefusals(evidence(log, told, stale), ledgers), 'from position 1 to Infinity at least 80');
    expect(checkRefusals(evidence(log, { ...told, answeredMs: 11 }, stale), ledgers).ok).toBe(true);
  });

  test('are refused by what was spent after the answer', () => {
    const empty = logOf(granted(15), debited('a', 10));
    const { ledgers } = checkBalances(empty);
    const told = debit('g', accepted(empty[0]!), { invokedMs: 1, answeredMs: 5 });
    const later = debit('a', accepted(empty[1]!), { invokedMs: 25, answeredMs: 30 });
    expectFound(checkRefusals(evidence(empty, told, later, debit('c', insufficient)), ledgers), 'at least 15');
    const meanwhile = { ...later, invokedMs: 15 };
    expect(checkRefusals(evidence(empty, told, meanwhile, debit('c', insufficient)), ledgers).ok).toBe(true);
  });

  test('are told as they never were, or as they were before what was asked for', () => {
    const { ledgers } = checkBalances(log);
    const read = (position: string, available: number, least: string): Operation => {
      const body = { account: 'acme', available, held: 0, spent: 100 - available, expired: 0, granted: 100 };
      const step: Step = { kind: 'read', effect: null, method: 'GET', path: '/', as: null, key: null, least };
      return { ...debit('r', unknown), step, outcome: { is: 'read', position, body } };
    };
    expect(checkReads(evidence(log, read('2', 90, '2')), ledgers).ok).toBe(true);
    expectFound(checkReads(evidence(log, read('3', 90, '2')), ledgers), 'told acme at 3');
    expectFound(checkReads(evidence(log, read('2', 90, '3')), ledgers), 'asked for at least 3');
  });
});
