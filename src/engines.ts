import { createServer } from 'node:net';
import { join } from 'node:path';
import { bystander } from '#cluster/bystander.ts';
import { MembershipGate } from '#cluster/membership-gate.ts';
import type { Codec } from '#events/encoding.ts';
import { type SubjectKeys, sealedSubjects } from '#events/sealing.ts';
import { openSubjectKeys } from '#events/subject-keys.ts';
import { openEmbeddedLog } from '#log/embedded/embedded-log.ts';
import type { RecordedWrite } from '#log/event-log.ts';
import type { LocalLog } from '#log/local-log.ts';
import { assert } from './assert.ts';
import type { Config } from './config.ts';

export type OpenEnginesOptions = {
  readonly config: Config;
  readonly codec: Codec;
  /** Where other members reach this one; `null` where there are none. */
  readonly address: string | null;
  readonly report: (message: string) => void;
};

/** What everything else rests on: the log, and the keys that its personal fields are sealed with. */
export type Engines = {
  readonly log: LocalLog;
  readonly keys: SubjectKeys;
  /** Says when this process can serve partitions, and gives them up. */
  readonly gate: MembershipGate;
  close(): Promise<void>;
};

/**
 * Opens the log and the key store that are configured. Clients of other engines are loaded only where they are used.
 * @throws log.locked, log.corrupt, engine.unavailable, engine.misconfigured
 */
export async function openEngines(options: OpenEnginesOptions): Promise<Engines> {
  const { config, codec, report } = options;
  const keysDir = join(config.dataDir, 'keys');
  if (config.log.engine !== 'embedded') return openShared(options, keysDir);
  const { dir, durability } = config.log;
  // Its lock sees to it that no other process has the keys open.
  const log = await openEmbeddedLog({ dir, durability, codec, report });
  try {
    const keys = await openSubjectKeys({ dir: keysDir });
    return { log, keys, gate: new MembershipGate(), close: () => keys.close().then(() => log.close()) };
  } catch (error) {
    await log.close();
    throw error;
  }
}

async function openShared({ config, codec, address, report }: OpenEnginesOptions, dir: string): Promise<Engines> {
  const { log: logConfig, blobs, create, roles } = config;
  assert(logConfig.engine !== 'embedded' && blobs.engine === 's3', 'a shared log has its keys in a bucket');
  const { openSharedSubjectKeys } = await import('#blobs/open-shared-keys.ts');
  const keys = await openSharedSubjectKeys({ dir, url: blobs.url, create, report });
  // Reading is synchronous: what a field is sealed with is here before the field is.
  const prepare = (writes: readonly RecordedWrite[]) =>
    keys.learn(writes.flatMap((write) => write.flatMap(({ data }) => sealedSubjects(data))));
  const shared = { url: logConfig.url, dir: logConfig.dir, codec, create, prepare, report };
  const gate = new MembershipGate();
  try {
    const log = await (logConfig.engine === 'kafka'
      ? openKafka({ ...shared, address, gate, owns: roles.has('projector') })
      : openEventStore(shared));
    return { log, keys, gate, close: () => log.close().then(() => keys.close()) };
  } catch (error) {
    await keys.close();
    throw error;
  }
}

type Shared = Pick<OpenEnginesOptions, 'codec' | 'report'> & {
  readonly url: string;
  readonly dir: string;
  readonly create: boolean;
  readonly prepare: (writes: readonly RecordedWrite[]) => Promise<void>;
};

type KafkaOptions = Shared & {
  readonly address: string | null;
  readonly gate: MembershipGate;
  /** False: it never owns a partition. */
  readonly owns: boolean;
};

async function openKafka({ gate, owns, ...options }: KafkaOptions): Promise<LocalLog> {
  const { openKafkaLog } = await import('#log/kafka/kafka-log.ts');
  const { openKafkaMembership } = await import('#cluster/kafka-membership.ts');
  const { report } = options;
  return openKafkaLog({
    ...options,
    membership: async (log) => gate.guard(owns ? await openKafkaMembership({ ...log, report }) : bystander()),
  });
}

async function openEventStore(options: Shared): Promise<LocalLog> {
  const { openEventStoreLog } = await import('#log/eventstore/eventstore-log.ts');
  return openEventStoreLog(options);
}

/** A port that is free now: other members are told of it before the server listens. */
export function freePort(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, host, () => {
      const address = server.address();
      assert(typeof address === 'object' && address !== null, 'a server that listens has an address');
      server.close(() => resolve(address.port));
    });
  });
}
