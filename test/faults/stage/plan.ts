import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../../simulation/random.ts';
import { FAULTS, type Fault } from './faults.ts';
import type { Stage } from './stage.ts';

const CALM_MS = { least: 1_000, more: 3_000 } as const;
const SECOND_FAULT_CHANCE = 0.25;

/** A fault that struck and was healed. */
export type PastFault = { readonly name: string; readonly what: string; readonly lastedMs: number };

export type PlanOptions = {
  readonly stage: Stage;
  /** Names of `FAULTS`; all of them come before one comes again. */
  readonly faults: readonly string[];
  readonly random: Random;
  /** On the clock of `performance.now()`; ends later where a fault has not struck yet. */
  readonly untilMs: number;
  readonly tell: (line: string) => void;
};

/** Strikes one fault after the other, at times two of them at once, with calm between. Resolves when all are healed. */
export async function strikeFaults({ stage, faults, random, untilMs, tell }: PlanOptions): Promise<PastFault[]> {
  const past: PastFault[] = [];
  let bag: string[] = [];
  const draw = (differsFrom: Fault | null) => {
    if (bag.length === 0) bag = shuffled(faults, random);
    const at = bag.findIndex((name) => FAULTS[name]!.strikes !== differsFrom?.strikes);
    return at < 0 ? null : bag.splice(at, 1)[0]!;
  };
  const strike = async (name: string) => {
    const struckAtMs = performance.now();
    const { what, lastsMs, heal } = await FAULTS[name]!.strike(stage, random);
    tell(`${name}: ${what}`);
    await delay(lastsMs);
    await heal();
    const lastedMs = performance.now() - struckAtMs;
    tell(`${name}: ${what} healed after ${(lastedMs / 1000).toFixed(1)} s`);
    past.push({ name, what, lastedMs });
  };
  for (;;) {
    await delay(CALM_MS.least + random.below(CALM_MS.more));
    const first = draw(null);
    const isOver = performance.now() >= untilMs && faults.every((name) => past.some((each) => each.name === name));
    if (first === null || isOver) return past;
    const second = random.chance(SECOND_FAULT_CHANCE) ? draw(FAULTS[first]!) : null;
    await Promise.all([first, ...(second === null ? [] : [second])].map(strike));
  }
}

function shuffled(names: readonly string[], random: Random): string[] {
  const left = [...names];
  return names.map(() => left.splice(random.below(left.length), 1)[0]!);
}
