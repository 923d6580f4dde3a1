import type { Admin, ITopicMetadata, Kafka } from 'kafkajs';
import { errors } from '../../errors.ts';
import { brokerAnswer, kafkaError } from './kafka-error.ts';
import { topicSettings, wrongSettings } from './topic-settings.ts';
import type { KafkaSettings } from './url.ts';

/** How many brokers keep each event, where there are as many and the URL does not tell. */
const REPLICATION = 3;
const READY_MS_MAX = 30_000;
const ASK_EVERY_MS = 100;
/** What kafkajs's enumeration has for a topic, and would be loaded for. */
const TOPIC_RESOURCE = 2;

export type Topics = {
  /** Where events are. */
  readonly topic: string;
  /** Where their order over all partitions is: one partition. */
  readonly orderTopic: string;
  /** How many partitions `topic` has. */
  readonly partitions: number;
  /** Which of the two were made now. */
  readonly made: readonly string[];
};

/** A topic that is needed; `partitions` is `null` where the URL does not tell. */
type Wanted = { readonly name: string; readonly partitions: number | null };

/**
 * Makes the topics that are missing, unless `create` is false, waits until all their partitions have leaders, and checks
 * that their settings keep every event for ever.
 *
 * @throws engine.misconfigured with every wrong setting at once, or for topics that are missing and may not be made;
 * engine.unavailable when the brokers do not answer, or have no leaders in half a minute
 */
export async function prepareTopics(
  client: Kafka,
  settings: KafkaSettings,
  { create }: { readonly create: boolean },
): Promise<Topics> {
  const wanted = [
    { name: settings.topic, partitions: settings.partitions },
    { name: `${settings.topic}.order`, partitions: 1 },
  ] as const;
  const admin = client.admin();
  try {
    await admin.connect();
    const made = await makeMissing(admin, settings, wanted, create);
    const found = await withLeaders(admin, settings, wanted);
    await check(admin, settings, wanted, found);
    const [events, order] = wanted;
    return { topic: events.name, orderTopic: order.name, partitions: partitionsOf(found, events.name).length, made };
  } catch (error) {
    throw kafkaError(error, settings.name);
  } finally {
    await admin.disconnect();
  }
}

async function makeMissing(
  admin: Admin,
  settings: KafkaSettings,
  wanted: readonly Wanted[],
  create: boolean,
): Promise<string[]> {
  const there = await admin.listTopics();
  const missing = wanted.filter(({ name }) => !there.includes(name));
  if (missing.length > 0 && !create) {
    const topics = missing.map(({ name }) => name).join(', ');
    const advice = 'make them with strata init, or start without STRATA_CREATE=never';
    throw errors.error('engine.misconfigured', `${settings.name} has no topic ${topics}: ${advice}`);
  }
  const made: string[] = [];
  for (const topic of missing) if (await makeTopic(admin, settings, topic)) made.push(topic.name);
  return made;
}

/** False when another member was quicker. */
async function makeTopic(admin: Admin, settings: KafkaSettings, { name, partitions }: Wanted): Promise<boolean> {
  const { brokers } = await admin.describeCluster();
  // A cluster that is still starting shows fewer brokers than it has: those that the URL names count as well.
  const replicas = settings.replication ?? Math.min(REPLICATION, Math.max(brokers.length, settings.brokers.length));
  const topic = {
    topic: name,
    numPartitions: partitions ?? 1,
    replicationFactor: replicas,
    configEntries: topicSettings(replicas),
  };
  const made = await polled(async () => {
    try {
      return await admin.createTopics({ topics: [topic], waitForLeaders: false });
    } catch (error) {
      if (brokerAnswer(error) === 'INVALID_REPLICATION_FACTOR') return null;
      throw error;
    }
  });
  if (made !== null) return made;
  const advice = `the URL may tell another number by ?replication=`;
  throw errors.error('engine.misconfigured', `${settings.name} has fewer than ${replicas} brokers: ${advice}`);
}

/** Just after topics are made they come and go, and have no leaders for a while. */
async function withLeaders(
  admin: Admin,
  settings: KafkaSettings,
  wanted: readonly Wanted[],
): Promise<readonly ITopicMetadata[]> {
  const found = await polled(async () => {
    try {
      const { topics } = await admin.fetchTopicMetadata({ topics: wanted.map(({ name }) => name) });
      const isReady = topics.every(({ partitions }) => partitions.every(({ leader }) => leader >= 0));
      return isReady && topics.length === wanted.length ? topics : null;
    } catch (error) {
      if (['UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE'].includes(brokerAnswer(error) ?? '')) return null;
      throw error;
    }
  });
  if (found !== null) return found;
  throw errors.error('engine.unavailable', `${settings.name} has partitions without a leader`);
}

/** Asks until there is an answer; `null` when there is none in time. */
async function polled<Answer>(ask: () => Promise<Answer | null>): Promise<Answer | null> {
  const untilMs = performance.now() + READY_MS_MAX;
  for (;;) {
    const answer = await ask();
    if (answer !== null || performance.now() > untilMs) return answer;
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
  }
}

async function check(
  admin: Admin,
  settings: KafkaSettings,
  wanted: readonly Wanted[],
  found: readonly ITopicMetadata[],
): Promise<void> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: wanted.map(({ name }) => ({ type: TOPIC_RESOURCE, name })),
  });
  const wrong = wanted.flatMap(({ name, partitions }) => {
    const copies = partitionsOf(found, name);
    const entries = resources.find(({ resourceName }) => resourceName === name)?.configEntries ?? [];
    const values = new Map(entries.map(({ configName, configValue }) => [configName, configValue]));
    const replicas = Math.min(...copies.map((partition) => partition.replicas.length));
    const told = { partitions, replicas: settings.replication };
    return wrongSettings(name, values, { partitions: copies.length, replicas }, told);
  });
  if (wrong.length === 0) return;
  const lines = wrong.map(({ path, message }) => `${path} ${message}`).join('; ');
  throw errors.error('engine.misconfigured', `${settings.name}: ${lines}`, { errors: wrong });
}

function partitionsOf(found: readonly ITopicMetadata[], topic: string): ITopicMetadata['partitions'] {
  return found.find(({ name }) => name === topic)?.partitions ?? [];
}
