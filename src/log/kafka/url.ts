import { errors } from '../../errors.ts';

const DEFAULT_PORT = 9092;
const DEFAULT_TOPIC = 'strata';
/** Room for what is added to it: `.order` and `.owners`. Kafka's own limit is 249. */
const TOPIC = /^[A-Za-z0-9._-]{1,240}$/;
const PARTITIONS_MAX = 1024;
const REPLICATION_MAX = 9;
const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;
const SETTINGS: readonly string[] = ['partitions', 'replication', 'tls', 'ca', 'sasl'];
/** With one `@` at most: a password that should have been encoded is never taken for hosts, and told. */
const SHAPE = /^kafka:\/\/(?:(?<user>[^@/?#]*)@)?(?<hosts>[^@/?#]+)(?:\/(?<topic>[^@/?#]*))?(?:\?(?<query>[^@#]*))?$/;

export type KafkaSettings = {
  /** `host:port` of each broker that is asked for the others. */
  readonly brokers: readonly string[];
  /** The topic of events; `TOPIC.order` and the group `TOPIC.owners` stand beside it. */
  readonly topic: string;
  /** As told by the URL, for topics that are made, and checked on those that are there; `null`: not told. */
  readonly partitions: number | null;
  readonly replication: number | null;
  /** TLS, with the system's authorities or those of the PEM file `ca`. */
  readonly tls: { readonly ca: string | null } | null;
  readonly sasl: {
    readonly mechanism: (typeof MECHANISMS)[number];
    readonly username: string;
    readonly password: string;
  } | null;
  /** The URL for messages: without credentials. */
  readonly name: string;
};

/**
 * Reads `kafka://[user:password@]host:port,host:port[/topic]`, with `?partitions=` and `&replication=` (for topics that are
 * made), `&tls=true`, `&ca=FILE` and `&sasl=plain`, `scram-sha-256` or `scram-sha-512`. The port is 9092 and the topic
 * `strata` unless told. What a user or password has of `:@/?#%` is percent-encoded.
 *
 * @throws config.invalid with every mistake; never with the credentials
 */
export function kafkaSettings(url: string): KafkaSettings {
  const parts = SHAPE.exec(url)?.groups;
  if (parts === undefined) {
    const name = url.replace(/\/\/.*@/, '//').replace(/[/?#].*$/s, '');
    throw invalid(name || 'kafka:', ['is not kafka://HOST:PORT,HOST:PORT/TOPIC?SETTINGS']);
  }
  const { user, hosts = '', topic = '', query = '' } = parts;
  const options = new URLSearchParams(query);
  const mistakes: string[] = [];

  const unknown = [...options.keys()].filter((name) => !SETTINGS.includes(name));
  if (unknown.length > 0) mistakes.push(`has no setting ${unknown.join(', ')}: it takes ${SETTINGS.join(', ')}`);
  const brokers = hosts.split(',').map((host) => brokerAddress(host));
  if (brokers.includes(null)) mistakes.push('needs a HOST or HOST:PORT between the commas');
  if (topic !== '' && !TOPIC.test(topic)) mistakes.push('has a topic that Kafka would not take');
  const count = (name: string, max: number) => {
    const text = options.get(name);
    const isCount = text !== null && /^[1-9]\d{0,3}$/.test(text) && Number(text) <= max;
    if (text !== null && !isCount) mistakes.push(`needs ${name} from 1 to ${max}`);
    return isCount ? Number(text) : null;
  };
  const settings = {
    topic: topic || DEFAULT_TOPIC,
    partitions: count('partitions', PARTITIONS_MAX),
    replication: count('replication', REPLICATION_MAX),
    tls: tlsOf(options, mistakes),
    sasl: saslOf(user, options.get('sasl'), mistakes),
  };
  const name = `kafka://${hosts}/${settings.topic}`;
  if (mistakes.length > 0) throw invalid(name, mistakes);
  return { ...settings, brokers: brokers.filter((broker) => broker !== null), name };
}

function brokerAddress(host: string): string | null {
  // kafkajs takes a name or an IPv4 address here.
  const { name, port } = /^(?<name>[A-Za-z0-9._-]+)(?::(?<port>\d{1,5}))?$/.exec(host)?.groups ?? {};
  const number = port === undefined ? DEFAULT_PORT : Number(port);
  return name === undefined || number < 1 || number > 65535 ? null : `${name}:${number}`;
}

function tlsOf(options: URLSearchParams, mistakes: string[]): KafkaSettings['tls'] {
  const [tls, ca] = [options.get('tls') ?? 'false', options.get('ca')];
  if (tls !== 'true' && tls !== 'false') mistakes.push('needs tls=true or tls=false');
  if (ca !== null && tls !== 'true') mistakes.push('has a ca, which needs tls=true');
  if (ca === '') mistakes.push('needs a PEM file as its ca');
  return tls === 'true' ? { ca } : null;
}

function saslOf(user: string | undefined, sasl: string | null, mistakes: string[]): KafkaSettings['sasl'] {
  if (user === undefined && sasl === null) return null;
  const mechanism = MECHANISMS.find((known) => known === sasl);
  const [username, password] = credentials(user ?? '');
  if (mechanism === undefined) mistakes.push(`has a user and needs sasl=${MECHANISMS.join(', ')}`);
  if (username === '' || password === '') mistakes.push('needs USER:PASSWORD@ before its hosts, percent-encoded');
  return mechanism === undefined ? null : { mechanism, username, password };
}

/** Empty ones where they cannot be decoded. */
function credentials(user: string): [string, string] {
  const colon = user.indexOf(':');
  if (colon === -1) return ['', ''];
  try {
    return [decodeURIComponent(user.slice(0, colon)), decodeURIComponent(user.slice(colon + 1))];
  } catch {
    return ['', ''];
  }
}

function invalid(name: string, mistakes: readonly string[]) {
  return errors.error('config.invalid', mistakes.map((mistake) => `${name} ${mistake}`).join('; '), {
    errors: mistakes.map((message) => ({ path: name, message })),
  });
}
