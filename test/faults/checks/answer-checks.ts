import { isDeepStrictEqual } from 'node:util';
import { type Check, Findings } from '#src/audit/report.ts';
import type { Operation } from '../clients/operation.ts';
import { type Evidence, effectOf, offsetOf } from './evidence.ts';

/** Refusals that are right at some time; which of them were is another check's matter. */
const EXPECTED: { readonly [kind: string]: readonly string[] } = {
  debit: ['credits.insufficient'],
  hold: ['credits.insufficient'],
  // Of the holds that are closed, the last 256 are remembered.
  settle: ['hold.closed', 'hold.unknown'],
  void: ['hold.closed', 'hold.unknown'],
  grant: ['credits.expired'],
  'slow-pixel': ['board.cooldown'],
};

/** What was accepted is in the log as it was answered, event by event. */
export function checkAcknowledged({ history, log }: Evidence): Check {
  const findings = new Findings();
  const byId = new Map(log.map((event) => [event.id, event]));
  let events = 0;
  for (const { step, outcome } of history) {
    if (outcome.is !== 'accepted') continue;
    for (const answered of outcome.events) {
      events += 1;
      const logged = byId.get(answered.id);
      const what = `${step.effect}, answered with ${answered.type} at ${answered.position}`;
      if (logged === undefined) {
        findings.add(`${what}, is not in the log`);
        continue;
      }
      const { id, type, data, position, revision, recordedAt } = logged;
      if (!isDeepStrictEqual({ ...answered }, { id, type, data, position, revision, recordedAt })) {
        findings.add(`${what}, is another in the log: ${JSON.stringify(logged)}`);
      } else if (logged.stream !== outcome.stream) findings.add(`${what}, is in the stream ${logged.stream}`);
    }
  }
  return findings.check('what was acknowledged is there as it was answered', `${events} events`);
}

/** Accepted: once. Unknown: once or not at all. Refused: never. And nothing is there that nobody asked for. */
export function checkEffects({ history, log, groundTo }: Evidence): Check {
  const findings = new Findings();
  const times = new Map<string, number>();
  for (const event of log) {
    const effect = event.offset > groundTo ? effectOf(event) : null;
    if (effect !== null) times.set(effect, (times.get(effect) ?? 0) + 1);
  }
  const asked = new Set<string>();
  for (const { step, outcome, client } of history) {
    if (step.effect === null) continue;
    asked.add(step.effect);
    const count = times.get(step.effect) ?? 0;
    const isRight = outcome.is === 'accepted' ? count === 1 : outcome.is === 'refused' ? count === 0 : count <= 1;
    if (!isRight) findings.add(`${step.effect} of client ${client}, ${described(outcome)}, is there ${count} times`);
  }
  for (const effect of times.keys()) {
    if (!asked.has(effect)) findings.add(`${effect} was asked for by nobody`);
  }
  return findings.check('nothing is applied twice, and nothing that was refused', `${asked.size} commands`);
}

/** What was asked for after an answer comes after it in the log. */
export function checkRealTime({ history }: Evidence): Check {
  const findings = new Findings();
  const placed = history.flatMap((operation) => {
    const { outcome } = operation;
    if (outcome.is !== 'accepted' || outcome.events.length === 0) return [];
    return [{ operation, offset: offsetOf(outcome.position) }];
  });
  const byAnswer = placed.toSorted((a, b) => a.operation.answeredMs - b.operation.answeredMs);
  let next = 0;
  let highest: (typeof placed)[number] | null = null;
  for (const each of placed.toSorted((a, b) => a.operation.invokedMs - b.operation.invokedMs)) {
    while (byAnswer[next]!.operation.answeredMs < each.operation.invokedMs) {
      if (highest === null || byAnswer[next]!.offset > highest.offset) highest = byAnswer[next]!;
      next += 1;
    }
    if (highest !== null && highest.offset >= each.offset) {
      findings.add(
        `${each.operation.step.effect} is at ${each.offset}, though ${highest.operation.step.effect} at ` +
          `${highest.offset} was answered before it was sent`,
      );
    }
  }
  return findings.check('what was asked after an answer comes after it', `${placed.length} writes`);
}

/** Every answer is one that the contract has for such a command; and what has a key is answered in the end. */
export function checkAnswers({ history }: Evidence): Check {
  const findings = new Findings();
  for (const { step, outcome, instance, attempts, client } of history) {
    const what = `${step.kind} of client ${client} (${instance})`;
    if (outcome.is === 'refused') {
      const isExpected = outcome.status === 503 || EXPECTED[step.kind]?.includes(outcome.code) === true;
      if (!isExpected) findings.add(`${what} was refused: ${outcome.status} ${outcome.code}`);
    }
    if (outcome.is !== 'unknown') continue;
    if (outcome.why.startsWith('5') && !outcome.why.startsWith('504')) findings.add(`${what} failed: ${outcome.why}`);
    if (step.key !== null && !isSettled(outcome)) {
      findings.add(`${what} was not answered after ${attempts} attempts: ${outcome.why}`);
    }
  }
  return findings.check('every answer is one of the contract', `${history.length} answers`);
}

/** A refusal is definite about what it answers, though not about what was lost before it. */
function isSettled({ why }: { readonly why: string }): boolean {
  return why.endsWith('after a lost answer');
}

function described(outcome: Operation['outcome']): string {
  if (outcome.is === 'refused') return `refused with ${outcome.status} ${outcome.code}`;
  return outcome.is === 'unknown' ? `lost (${outcome.why})` : outcome.is;
}
