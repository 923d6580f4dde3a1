import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { freePorts, ServerFolder } from '../../components/server-process.ts';
import { type Brokers, hasOwnKafka, kafkaBrokers } from '../../integration/kafka-brokers.ts';
import { hasOwnRedis, RedisServer } from '../../integration/redis-server.ts';
import { hasOwnS3Server, S3_ENV, S3Server } from '../../integration/s3-server.ts';
import { Instance } from './instance.ts';

export type EngineChoice = 'kafka' | 'embedded';

export type StageOptions = {
  readonly engines: EngineChoice;
  /** Instances of Strata; one on the embedded engine. */
  readonly instances: number;
  readonly partitions: number;
};

/** The engines of a stage that runs on more than its own folders. */
export type SharedEngines = { readonly brokers: Brokers; readonly redis: RedisServer; readonly s3: S3Server };

const READY_MS_MAX = 120_000;
export const ADMIN_KEY = 'an-admin-key-for-faults';

/** What is missing here to run on real engines that can be killed. */
export function missingEngines(): readonly string[] {
  const has = { Kafka: hasOwnKafka(), Redis: hasOwnRedis(), S3: hasOwnS3Server() };
  return Object.entries(has).flatMap(([name, isHere]) => (isHere ? [] : [name]));
}

/** Instances of Strata as processes of their own, and the real engines under them. */
export class Stage {
  readonly instances: readonly Instance[];
  /** `null` on the embedded engine. */
  readonly shared: SharedEngines | null;
  readonly #folder: ServerFolder;

  private constructor(instances: readonly Instance[], shared: SharedEngines | null, folder: ServerFolder) {
    this.instances = instances;
    this.shared = shared;
    this.#folder = folder;
  }

  /** Resolves when all instances are ready. @throws where one is not in time, with what it says */
  static async start(options: StageOptions): Promise<Stage> {
    const folder = new ServerFolder('faults');
    const shared = options.engines === 'kafka' ? await startShared() : null;
    const ports = await freePorts(options.instances);
    const env = { STRATA_ADMIN_KEY: ADMIN_KEY, ...(shared !== null && settings(shared, options.partitions)) };
    const instances = ports.map((port, at) => {
      const name = `instance ${at + 1}`;
      return new Instance({ name, port, dir: join(folder.path, `instance-${at + 1}`), env });
    });
    const stage = new Stage(instances, shared, folder);
    try {
      for (const instance of instances) instance.start();
      const unready = await stage.unready(READY_MS_MAX);
      if (unready.length > 0) throw new Error(`not ready after ${READY_MS_MAX} ms: ${unready.join('\n')}`);
    } catch (error) {
      await stage.stop();
      throw error;
    }
    return stage;
  }

  /** The instances that are not ready in time, with what they say. */
  async unready(timeoutMs: number): Promise<readonly string[]> {
    const told = await Promise.all(
      this.instances.map(async (each) => {
        return (await each.ready(timeoutMs)) ? [] : [`${each.name} ${await each.told()}`];
      }),
    );
    return told.flat();
  }

  async stop(): Promise<void> {
    await Promise.all(this.instances.map((instance) => instance.kill()));
    if (this.shared !== null) {
      const { brokers, redis, s3 } = this.shared;
      await Promise.all([brokers.stop(), redis.stop(), s3.stop()]);
    }
    this.#folder.remove();
  }
}

async function startShared(): Promise<SharedEngines> {
  const redis = new RedisServer();
  const s3 = new S3Server();
  const [brokers] = await Promise.all([kafkaBrokers(3), redis.start(), s3.start()]);
  return { brokers, redis, s3 };
}

function settings({ brokers, redis, s3 }: SharedEngines, partitions: number): { readonly [name: string]: string } {
  return {
    ...S3_ENV,
    STRATA_LOG_URL: `${brokers.url}/faults-${randomUUID().slice(0, 8)}?partitions=${partitions}`,
    STRATA_CACHE_URL: redis.url,
    STRATA_BLOBS_URL: s3.url,
    STRATA_CLUSTER_SECRET: 'a-secret-of-the-members',
  };
}
