import type { Random } from '../../simulation/random.ts';
import type { Operation, Step } from './operation.ts';
import { debit, grant } from './steps.ts';

const SPROUTS_MAX = 16;
const EMPTY_MS = { least: 2_000, more: 8_000 } as const;
const RICH_MS = 8_000;
/** More than is spent before it is left alone. */
const AMOUNT = 100_000;

type Sprout = { readonly account: string; readonly grantAtMs: number; isGranted: boolean };

/**
 * Accounts that are empty for some seconds, then rich for good. So an instance that was frozen while one was empty, and refuses
 * what is asked of it after its grant was answered, is found out.
 */
export class Sprouts {
  #live: Sprout[] = [];
  #opening = 0;

  /** What is next for one of them. `name` is the step's own. */
  next(name: string, random: Random): Step {
    const nowMs = performance.now();
    this.#live = this.#live.filter(({ grantAtMs }) => nowMs < grantAtMs + RICH_MS);
    if (this.#live.length === 0 || this.#live.length + this.#opening < SPROUTS_MAX) return this.#open(`s-${name}`);
    const due = this.#live.find((sprout) => !sprout.isGranted && nowMs >= sprout.grantAtMs);
    if (due !== undefined) {
      due.isGranted = true;
      return grant(name, due.account, AMOUNT, null);
    }
    return debit(name, random.pick(this.#live).account, 1 + random.below(3), null, null);
  }

  #open(account: string): Step {
    this.#opening += 1;
    const effect = `open ${account}`;
    return { kind: 'open', effect, method: 'POST', path: '/v1/accounts', body: { account }, as: null, key: effect };
  }

  learn({ step, outcome }: Operation, random: Random): void {
    if (step.kind !== 'open') return;
    this.#opening -= 1;
    if (outcome.is !== 'accepted') return;
    const grantAtMs = performance.now() + EMPTY_MS.least + random.below(EMPTY_MS.more);
    this.#live.push({ account: step.effect!.slice('open '.length), grantAtMs, isGranted: false });
  }
}
