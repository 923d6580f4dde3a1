import { type Check, Findings } from '#src/audit/report.ts';
import { Random } from '../simulation/random.ts';
import { checkAll } from './checks/all.ts';
import type { LoggedEvent } from './checks/evidence.ts';
import { Clients } from './clients/clients.ts';
import { ACCOUNTS, layGround } from './clients/ground.ts';
import type { Operation } from './clients/operation.ts';
import { faultsOf } from './stage/faults.ts';
import type { OwnEnd } from './stage/instance.ts';
import { type PastFault, strikeFaults } from './stage/plan.ts';
import { Stage, type StageOptions } from './stage/stage.ts';

const READY_AGAIN_MS_MAX = 90_000;

export type FaultsOptions = StageOptions & {
  /** How long faults are struck; longer until each of them has been. */
  readonly minutes: number;
  /** Decides what is struck when, and what clients ask; not how they interleave. */
  readonly seed: number;
  readonly clients: number;
  /** Names of `FAULTS`; all that the stage has unless told. */
  readonly faults?: readonly string[];
  readonly tell: (line: string) => void;
};

export type FaultsReport = {
  readonly ok: boolean;
  readonly seed: number;
  readonly seconds: number;
  readonly faults: readonly PastFault[];
  /** How many answers there were of each kind: `debit accepted`, `hold credits.insufficient`. */
  readonly answers: { readonly [name: string]: number };
  /** Instances that ended by themselves, and were started again. */
  readonly ownEnds: readonly OwnEnd[];
  readonly checks: readonly Check[];
};

/** What a run was, for whoever looks into a finding. */
export type Traces = {
  readonly history: readonly Operation[];
  readonly log: readonly LoggedEvent[];
  /** What each instance printed last. */
  readonly outputs: { readonly [instance: string]: string };
};

/** Strikes faults under load, heals them, and checks all that was answered. */
export async function runFaults(options: FaultsOptions): Promise<{ report: FaultsReport; traces: Traces }> {
  const { seed, tell } = options;
  const startMs = performance.now();
  tell(`starting ${options.instances} instance${options.instances === 1 ? '' : 's'}, seed ${seed}`);
  const stage = await Stage.start(options);
  try {
    const ground = await layGround(stage);
    const { instances } = stage;
    const clients = new Clients({ count: options.clients, seed, instances, secrets: ground.secrets });
    tell(`${options.clients} clients at work`);
    const untilMs = performance.now() + options.minutes * 60_000;
    const faults = options.faults ?? faultsOf(stage);
    const past = await strikeFaults({ stage, faults, random: new Random(seed), untilMs, tell });
    tell('all is healed');
    const readiness = await checkReadiness(stage);
    await clients.stop();
    const probes = await clients.probe(ACCOUNTS);
    tell(`checking ${clients.history.length} answers`);
    const { history } = clients;
    const groundPosition = ground.position;
    const checked = await checkAll({ stage, history, probes, groundPosition, tell });
    const checks = [readiness, ...checked.checks];
    const report = {
      ok: checks.every(({ ok }) => ok),
      seed,
      seconds: (performance.now() - startMs) / 1000,
      faults: past,
      answers: countsOf(history),
      ownEnds: instances.flatMap(({ ownEnds }) => ownEnds),
      checks,
    };
    const outputs = Object.fromEntries(instances.map(({ name, output }) => [name, output]));
    return { report, traces: { history, log: checked.log, outputs } };
  } finally {
    await stage.stop();
  }
}

async function checkReadiness(stage: Stage): Promise<Check> {
  const findings = new Findings();
  const startMs = performance.now();
  for (const told of await stage.unready(READY_AGAIN_MS_MAX)) findings.add(told);
  for (const late of stage.instances.flatMap(({ lateStops }) => lateStops)) findings.add(late);
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  return findings.check(
    'all instances end when told to, and are ready again by themselves',
    `${seconds} s after the last fault`,
  );
}

function countsOf(history: readonly Operation[]): { readonly [name: string]: number } {
  const counts = new Map<string, number>();
  for (const { step, outcome } of history) {
    const what = outcome.is === 'refused' ? outcome.code : outcome.is === 'unknown' ? 'unknown' : outcome.is;
    const name = `${step.kind} ${what}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
