import type { Random } from '../../simulation/random.ts';
import type { Instance } from '../stage/instance.ts';

/** So often an instance is tried that did not answer last: about half of the clients wait for one that is frozen, and the others go on. */
const TRIAL_CHANCE = 0.02;

/** Picks instances as a load balancer does that all clients share: those that answer, and now and then one that does not. */
export class Balancer {
  readonly #instances: readonly Instance[];
  readonly #silent = new Set<Instance>();

  constructor(instances: readonly Instance[]) {
    this.#instances = instances;
  }

  pick(random: Random): Instance {
    const answering = this.#instances.filter((instance) => !this.#silent.has(instance));
    if (answering.length === 0 || random.chance(TRIAL_CHANCE)) return random.pick(this.#instances);
    return random.pick(answering);
  }

  answered(instance: Instance): void {
    this.#silent.delete(instance);
  }

  failed(instance: Instance): void {
    this.#silent.add(instance);
  }
}
