import { setTimeout as delay } from 'node:timers/promises';
import { Random } from '../../simulation/random.ts';
import type { Instance } from '../stage/instance.ts';
import { Balancer } from './balancer.ts';
import type { Operation } from './operation.ts';
import { Sender } from './sender.ts';
import { Sprouts } from './sprouts.ts';
import { debit, Steps } from './steps.ts';

const PAUSE_MS_MAX = 40;
/** After the end, what has a key is tried again for so long. */
const LAST_ANSWERS_MS_MAX = 60_000;

export type ClientsOptions = {
  readonly count: number;
  readonly seed: number;
  readonly instances: readonly Instance[];
  readonly secrets: ReadonlyMap<string, string>;
};

/** Clients at work, and the history of what they asked and were answered. */
export class Clients {
  readonly history: Operation[] = [];
  readonly #options: ClientsOptions;
  readonly #balancer: Balancer;
  readonly #sprouts = new Sprouts();
  readonly #working: Promise<unknown>;
  #isStopping = false;
  #overAtMs = Number.POSITIVE_INFINITY;

  constructor(options: ClientsOptions) {
    this.#options = options;
    this.#balancer = new Balancer(options.instances);
    const clients = Array.from({ length: options.count }, (_, client) => this.#work(client));
    this.#working = Promise.all(clients);
    // It is awaited at the end: until then a failure waits for that.
    this.#working.catch(() => {});
  }

  /** Resolves when every client has its last answer, or has given up on it. */
  async stop(): Promise<void> {
    this.#end();
    await this.#working;
  }

  #end(): void {
    this.#isStopping = true;
    this.#overAtMs = performance.now() + LAST_ANSWERS_MS_MAX;
  }

  /** A last write for each account, by each instance: it must be taken, or refused for lack of credits. */
  async probe(accounts: readonly string[]): Promise<readonly Operation[]> {
    const { count, instances } = this.#options;
    const probes = instances.flatMap((instance, at) => {
      const sender = this.#sender(count + at, new Balancer([instance]), new Random(at));
      return accounts.map((account) => {
        const name = `probe-${at}-${account}`;
        return sender.send(debit(name, account, 1, name, account));
      });
    });
    const answered = await Promise.all(probes);
    this.history.push(...answered);
    return answered;
  }

  #sender(client: number, balancer: Balancer, random: Random): Sender {
    const isOver = () => performance.now() > this.#overAtMs;
    return new Sender({ client, balancer, random, secrets: this.#options.secrets, isOver });
  }

  async #work(client: number): Promise<void> {
    const { count, seed } = this.#options;
    const random = new Random(seed + client + 1);
    const sender = this.#sender(client, this.#balancer, random);
    const steps = new Steps(client, count, this.#sprouts, random);
    while (!this.#isStopping) {
      const now = await steps.next();
      const answered = await Promise.all(now.map((step) => sender.send(step)));
      for (const operation of answered) {
        this.history.push(operation);
        steps.learn(operation);
      }
      await delay(random.below(PAUSE_MS_MAX));
    }
  }
}
