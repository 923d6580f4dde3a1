import { type Check, Findings } from '#src/audit/report.ts';
import { CANVAS, SLOW_BOARD } from '../clients/ground.ts';
import type { Operation } from '../clients/operation.ts';
import type { Stage } from '../stage/stage.ts';
import { checkAcknowledged, checkAnswers, checkEffects, checkRealTime } from './answer-checks.ts';
import { commonHead, readLog } from './asking.ts';
import { checkAudit } from './audits.ts';
import { checkBalances, checkReads, checkRefusals } from './credit-checks.ts';
import { type LoggedEvent, offsetOf } from './evidence.ts';
import { checkBitmaps, checkFingerprints, checkOriginals, checkSameLog, checkSameTree } from './instance-checks.ts';
import { checkCooldown, checkOrder } from './log-checks.ts';

export type Checking = {
  readonly stage: Stage;
  readonly history: readonly Operation[];
  /** The last writes, which had to be taken by every instance. */
  readonly probes: readonly Operation[];
  readonly groundPosition: string;
  readonly tell: (line: string) => void;
};

/** Holds the history of every answer against the log, and the instances against it and each other. */
export async function checkAll({ stage, history, probes, groundPosition, tell }: Checking): Promise<{
  readonly checks: readonly Check[];
  readonly log: readonly LoggedEvent[];
}> {
  const { instances } = stage;
  const head = await commonHead(instances);
  tell(`reading the log up to position ${head}`);
  const logs = await Promise.all(instances.map((each) => readLog(each, head)));
  const [log = []] = logs;
  const evidence = { history, log, groundTo: offsetOf(groundPosition) };
  const { check: balances, ledgers } = checkBalances(log);
  const checks = [
    checkProbes(probes),
    checkAnswers(evidence),
    checkSameLog(logs),
    checkOrder(log),
    checkAcknowledged(evidence),
    checkEffects(evidence),
    checkRealTime(evidence),
    balances,
    checkRefusals(evidence, ledgers),
    checkReads(evidence, ledgers),
    checkCooldown(log, SLOW_BOARD.board, SLOW_BOARD.cooldownSeconds),
  ];
  tell('comparing the instances');
  checks.push(
    await checkSameTree(instances, head),
    await checkFingerprints(instances),
    await checkBitmaps(instances, log, head, CANVAS),
    await checkBitmaps(instances, log, head, SLOW_BOARD),
    await checkOriginals(instances, history),
  );
  for (const instance of instances) {
    tell(`strata audit of ${instance.name}`);
    checks.push(await checkAudit(instance));
  }
  return { checks, log };
}

function checkProbes(probes: readonly Operation[]): Check {
  const findings = new Findings();
  for (const { step, instance, outcome } of probes) {
    const isTaken = outcome.is === 'accepted' || (outcome.is === 'refused' && outcome.code === 'credits.insufficient');
    if (!isTaken) findings.add(`${step.effect} by ${instance}: ${JSON.stringify(outcome)}`);
  }
  return findings.check('every instance takes writes again', `${probes.length} writes after all was healed`);
}
