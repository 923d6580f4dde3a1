import { components } from '../components/found.ts';
import { type BrokerOptions, KafkaBroker } from '../components/kafka-broker.ts';
import { freePorts, ServerFolder } from '../components/server-process.ts';

export type Broker = Pick<KafkaBroker, 'port' | 'kill' | 'restart' | 'pause' | 'resume'>;

export type Brokers = {
  /** kafka://HOST:PORT,… without a topic. */
  readonly url: string;
  /** Empty when the brokers are not the test's own, but of a URL that was given. */
  readonly brokers: readonly Broker[];
  stop(): Promise<void>;
};

/** True where real brokers can be had: a URL in STRATA_TEST_KAFKA_URL, Docker, or Kafka's jars and Java. */
export function hasKafka(): boolean {
  return components().kafka.by !== 'none';
}

/** True where brokers can be killed and paused: not where their URL was given. */
export function hasOwnKafka(): boolean {
  const { by } = components().kafka;
  return by === 'docker' || by === 'native';
}

/**
 * A real cluster on free ports and a scratch folder, or the one whose URL was given. With three brokers, topics have three copies unless told, and two must have a write.
 */
export async function kafkaBrokers(count: 1 | 3, options: BrokerOptions = {}): Promise<Brokers> {
  const found = components().kafka;
  if (found.by === 'none') throw new Error('there is no Kafka here: ask hasKafka() first');
  if (found.by === 'url') return { url: found.url, brokers: [], stop: async () => {} };
  const folder = new ServerFolder('kafka');
  const ports = await freePorts(2 * count);
  const places = Array.from({ length: count }, (_, index) => ({
    node: index + 1,
    port: ports[2 * index]!,
    controllerPort: ports[2 * index + 1]!,
  }));
  const brokers: KafkaBroker[] = [];
  const stop = async () => {
    await Promise.all(brokers.map((broker) => broker.kill()));
    folder.remove();
  };
  try {
    for (const place of places) brokers.push(await KafkaBroker.create(found, folder.path, place, places, options));
    await Promise.all(brokers.map((broker) => broker.restart()));
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `kafka://${places.map(({ port }) => `127.0.0.1:${port}`).join(',')}`, brokers, stop };
}

/**
 * The URL of one broker that all test files of a run share, started when the first asks for it: for tests that make
 * topics of their own and break nothing. Only under `npm test` or vitest.
 */
export async function sharedKafka(): Promise<string> {
  const host = process.env.TEST_COMPONENTS_HOST;
  if (host === undefined) throw new Error('there is nothing shared outside of a test run: take kafkaBrokers(1)');
  const response = await fetch(`${host}/kafka`);
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return text;
}
