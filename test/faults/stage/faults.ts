import type { Random } from '../../simulation/random.ts';
import type { Instance } from './instance.ts';
import type { SharedEngines, Stage } from './stage.ts';

/** What a fault strikes: of two at once, each strikes another. */
export type Struck = 'an instance' | 'a broker' | 'Redis' | 'S3';

/** A fault that has struck. */
export type Strike = {
  /** `instance 2`, `broker 1`. */
  readonly what: string;
  readonly lastsMs: number;
  heal(): Promise<void>;
};

export type Fault = {
  readonly about: string;
  readonly strikes: Struck;
  strike(stage: Stage, random: Random): Promise<Strike>;
};

/** Longer than a member may be silent before others take over what it owned. */
const ZOMBIE_MS = { least: 8_000, more: 6_000 } as const;
const SHORT_MS = { least: 300, more: 3_700 } as const;

/** Every fault by the name that `--faults` takes. */
export const FAULTS: { readonly [name: string]: Fault } = {
  'kill-instance': {
    about: 'kill -9 of an instance',
    strikes: 'an instance',
    strike: async (stage, random) => {
      const instance = random.pick(stage.instances);
      await instance.kill();
      return { what: instance.name, lastsMs: duration(random, SHORT_MS), heal: async () => instance.start() };
    },
  },
  'stop-instance': {
    about: 'SIGTERM to an instance, as when it is replaced',
    strikes: 'an instance',
    strike: async (stage, random) => {
      const instance = random.pick(stage.instances);
      await instance.stop();
      return { what: instance.name, lastsMs: duration(random, SHORT_MS), heal: async () => instance.start() };
    },
  },
  'freeze-instance': {
    about: 'SIGSTOP of an instance until the others think it gone, then SIGCONT',
    strikes: 'an instance',
    strike: async (stage, random) => frozen(random.pick(stage.instances), duration(random, ZOMBIE_MS)),
  },
  'pause-instance': {
    about: 'SIGSTOP of an instance for a moment',
    strikes: 'an instance',
    strike: async (stage, random) => frozen(random.pick(stage.instances), duration(random, SHORT_MS)),
  },
  'kill-broker': {
    about: 'kill -9 of one Kafka broker of three',
    strikes: 'a broker',
    strike: async (stage, random) => {
      const { brokers } = engines(stage).brokers;
      const at = random.below(brokers.length);
      await brokers[at]!.kill();
      return { what: `broker ${at + 1}`, lastsMs: duration(random, SHORT_MS), heal: () => brokers[at]!.restart() };
    },
  },
  'freeze-broker': {
    about: 'SIGSTOP of one Kafka broker of three, then SIGCONT',
    strikes: 'a broker',
    strike: async (stage, random) => {
      const { brokers } = engines(stage).brokers;
      const at = random.below(brokers.length);
      brokers[at]!.pause();
      const heal = async () => brokers[at]!.resume();
      return { what: `broker ${at + 1}`, lastsMs: duration(random, ZOMBIE_MS), heal };
    },
  },
  'kill-redis': {
    about: 'kill -9 of Redis, which has its keys when it is back',
    strikes: 'Redis',
    strike: async (stage, random) => {
      const { redis } = engines(stage);
      await redis.kill();
      return { what: 'Redis', lastsMs: duration(random, SHORT_MS), heal: () => redis.restart() };
    },
  },
  'lose-redis': {
    about: 'kill -9 of Redis, which is empty when it is back',
    strikes: 'Redis',
    strike: async (stage, random) => {
      const { redis } = engines(stage);
      await redis.kill();
      const heal = () => redis.restart({ isEmpty: true });
      return { what: 'Redis', lastsMs: duration(random, SHORT_MS), heal };
    },
  },
  'kill-s3': {
    about: 'kill -9 of the S3 server',
    strikes: 'S3',
    strike: async (stage, random) => {
      const { s3 } = engines(stage);
      await s3.kill();
      return { what: 'the S3 server', lastsMs: duration(random, SHORT_MS), heal: () => s3.restart() };
    },
  },
};

/** The names of the faults that can strike a stage with these engines. */
export function faultsOf({ shared }: Pick<Stage, 'shared'>): readonly string[] {
  return Object.keys(FAULTS).filter((name) => shared !== null || FAULTS[name]!.strikes === 'an instance');
}

function frozen(instance: Instance, lastsMs: number): Strike {
  instance.pause();
  return { what: instance.name, lastsMs, heal: async () => instance.resume() };
}

function engines({ shared }: Stage): SharedEngines {
  if (shared === null) throw new Error('only a stage on shared engines has what this strikes');
  return shared;
}

function duration(random: Random, { least, more }: { readonly least: number; readonly more: number }): number {
  return least + random.below(more);
}
