import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../../simulation/random.ts';
import type { Instance } from '../stage/instance.ts';
import { ADMIN_KEY } from '../stage/stage.ts';
import type { Balancer } from './balancer.ts';
import type { Operation, Outcome, Step } from './operation.ts';

const ANSWER_MS_MAX = 6_000;
const WAIT_MS = { least: 50, more: 350 } as const;

export type SenderOptions = {
  readonly client: number;
  readonly balancer: Balancer;
  readonly random: Random;
  /** The secrets of accounts' keys. */
  readonly secrets: ReadonlyMap<string, string>;
  /** True once nothing is tried again. */
  readonly isOver: () => boolean;
};

/** What one attempt came to: `undone` is certainly not done and may be tried again, `lost` may be done. */
type Attempt = Outcome | { readonly is: 'undone'; readonly why: string };

/**
 * Sends steps as a careful client does. Without a key only what never reached an instance is sent again; with one,
 * everything that has no definite answer.
 */
export class Sender {
  readonly #options: SenderOptions;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  async send(step: Step): Promise<Operation> {
    const { client, balancer, random, isOver } = this.#options;
    const invokedMs = performance.now();
    let wasLost = false;
    for (let attempts = 1; ; attempts += 1) {
      const instance = balancer.pick(random);
      const attempt = await this.#attempt(step, instance);
      if (isSilence(attempt)) balancer.failed(instance);
      else balancer.answered(instance);
      const answered = { client, step, instance: instance.name, attempts, invokedMs, answeredMs: performance.now() };
      if (attempt.is === 'accepted' || attempt.is === 'read') return { ...answered, outcome: attempt };
      if (attempt.is !== 'undone') {
        if (step.key === null) return { ...answered, outcome: attempt };
        if (attempt.is === 'refused' && attempt.status !== 503) {
          // What was lost before may still be done later, decided on what is there then.
          return { ...answered, outcome: wasLost ? lost(`${attempt.code} after a lost answer`) : attempt };
        }
        // With a key, 503 does not say that it was not appended.
        wasLost = true;
      }
      if (isOver()) {
        const why = attempt.is === 'refused' ? `${attempt.status} ${attempt.code}` : attempt.why;
        return { ...answered, outcome: wasLost ? lost(why) : { is: 'refused', status: 0, code: why } };
      }
      await delay(WAIT_MS.least + random.below(WAIT_MS.more));
    }
  }

  async #attempt(step: Step, instance: Instance): Promise<Attempt> {
    const { method, path, body, as, key, least } = step;
    const isBytes = body instanceof Uint8Array;
    const secret = as === null ? ADMIN_KEY : this.#options.secrets.get(as);
    try {
      const response = await fetch(`${instance.url}${path}`, {
        method,
        headers: {
          Authorization: `Bearer ${secret}`,
          ...(body === undefined ? {} : { 'Content-Type': isBytes ? 'image/png' : 'application/json' }),
          ...(key === null ? {} : { 'Idempotency-Key': key }),
          ...(least === undefined ? {} : { 'Strata-Min-Position': least }),
        },
        ...(body === undefined ? {} : { body: isBytes ? Buffer.from(body) : JSON.stringify(body) }),
        signal: AbortSignal.timeout(ANSWER_MS_MAX),
      });
      return outcomeOf(step, response.status, response.headers, await response.json());
    } catch (error) {
      const why = reasonOf(error);
      return why === 'ECONNREFUSED' ? { is: 'undone', why } : lost(why);
    }
  }
}

function outcomeOf(step: Step, status: number, headers: Headers, body: unknown): Outcome {
  const answer = body as { [name: string]: never };
  if (status === 200 || status === 201) {
    const position = headers.get('strata-position') ?? '';
    if (step.kind === 'read') return { is: 'read', position, body };
    const { stream, revision, events } = answer;
    return { is: 'accepted', position, stream: stream!, revision: revision!, events: events! };
  }
  const code = String(answer.code);
  // 500 says nothing of what became of it; 504 says that nobody knows.
  return status >= 500 && status !== 503 ? lost(`${status} ${code}`) : { is: 'refused', status, code };
}

/** Nobody answered, or the connection broke. */
function isSilence(attempt: Attempt): boolean {
  return attempt.is === 'undone' || (attempt.is === 'unknown' && !attempt.why.startsWith('5'));
}

function lost(why: string): Outcome {
  return { is: 'unknown', why };
}

/** Refused connections, resets and time-outs lie in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (cause instanceof Error && 'code' in cause) return String(cause.code);
  return error.name === 'TypeError' ? error.message : error.name;
}
