import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { openKafkaMembership } from '#cluster/kafka-membership.ts';
import type { Membership } from '#cluster/membership.ts';
import type { Codec } from '#events/encoding.ts';
import type { LogId, RecordedWrite } from '#log/event-log.ts';
import type { LocalLog } from '#log/local-log.ts';
import { openReplica, type Replica } from '#log/replica/replica.ts';
import { errors } from '../../errors.ts';
import { kafkaClient } from './client.ts';
import { kafkaError } from './kafka-error.ts';
import { type KafkaPlace, kafkaBegin, kafkaPlace } from './kafka-place.ts';
import { LogCreatedSearch } from './log-created.ts';
import { MemberLog } from './member-log.ts';
import { Reader, type Source } from './reader.ts';
import { Senders } from './senders.ts';
import { type TopicEnds, topicEnds } from './topic-ends.ts';
import { prepareTopics, type Topics } from './topics.ts';
import { type KafkaSettings, kafkaSettings } from './url.ts';

/** A broker that takes longer to answer a fetch or a send is asked no more: its partitions may have another leader by then. */
const REQUEST_MS = 3000;
/** How long brokers and leaders are waited for at the start. */
const FOUND_MS = 15_000;
const FOUND_AGAIN_MS = 250;
/** How long the first record may take to be read. */
const FIRST_READ_MS = 30_000;

export type KafkaLogOptions = {
  /** `kafka://…`, as `kafkaSettings` reads it. */
  readonly url: string;
  /** The replica's folder; made if it is missing. */
  readonly dir: string;
  readonly codec: Codec;
  /** Where other members reach this one; `null`: nowhere. */
  readonly address: string | null;
  /** False: topics that are missing are an error. */
  readonly create: boolean;
  /** What a log that is made now gets as its id and epoch; one that is there must have them. */
  readonly identity?: { readonly id: LogId; readonly epoch: number };
  /** Awaited with the next writes before they can be read here. */
  readonly prepare?: (writes: readonly RecordedWrite[]) => Promise<void>;
  /** ms since 1970. */
  readonly clock?: () => number;
  /** How partitions are given to members: by a consumer group unless told. */
  readonly membership?: (log: { readonly settings: KafkaSettings; readonly partitions: number }) => Promise<Membership>;
  readonly report?: (message: string) => void;
};

/**
 * Opens the log in a Kafka topic, or makes one there, and brings this member's replica up to where Kafka ends now.
 *
 * @throws config.invalid, engine.unavailable, engine.misconfigured, log.other-engine, log.locked, or what the disk says
 */
export async function openKafkaLog(options: KafkaLogOptions): Promise<LocalLog> {
  const settings = kafkaSettings(options.url);
  const undo: (() => unknown)[] = [];
  try {
    return await open(options, settings, undo);
  } catch (error) {
    for (const step of undo) await step();
    throw kafkaError(error, settings.name);
  }
}

async function open(options: KafkaLogOptions, settings: KafkaSettings, undo: (() => unknown)[]): Promise<LocalLog> {
  const { codec, dir, address, create, prepare, report = () => undefined, clock = Date.now } = options;
  const { topics, ends } = await findTopics(settings, create, report);
  const { low } = ends.partitions[0]!;
  if (low > 0) throw deleted(settings, 0, low);
  const kafka = await kafkaClient(settings, { requestTimeoutMs: REQUEST_MS, report });
  const senders = new Senders({ kafka, topics, report });
  undo.unshift(() => senders.close());

  const { id, epoch } = options.identity ?? { id: randomBytes(16).toString('hex'), epoch: 1 };
  const search = new LogCreatedSearch({
    made: { id, epoch, partitions: topics.partitions },
    isRequired: options.identity !== undefined,
    end: ends.partitions[0]!.high,
    send: (records) => senders.send(0, records),
  });
  const followed: Followed = { search, log: null };
  const groupPrefix = `${topics.topic}.reader.`;
  const sources = sourcesOf(topics, followed);
  const reader = new Reader({ kafka, groupPrefix, sources, report, nowMs: () => performance.now() });
  undo.unshift(() => reader.close());
  search.begin();
  const { partitions, ...identity } = await Promise.race([search.found, reader.failed, tooLate(settings)]);
  if (partitions > topics.partitions) {
    const why = `the log was made with ${partitions} partitions, and the topic has ${topics.partitions}`;
    throw errors.error('engine.misconfigured', `${settings.name}: ${why}`);
  }

  const state = kafkaPlace;
  const replica = await openReplica({
    dir,
    ...identity,
    source: `kafka:${topics.topic}`,
    codec,
    state,
    report,
    ...(prepare !== undefined && { prepare }),
  });
  undo.unshift(() => replica.close());
  const place = replica.saved ?? kafkaBegin(partitions);
  requireThere(settings, place, ends);
  const membership = await (options.membership ?? openMembership)({ settings, partitions, report });
  undo.unshift(() => membership.close());
  const reread = await rereadOf(replica, place);
  const { name } = settings;
  const log = new MemberLog({
    name,
    codec,
    address,
    clock,
    report,
    replica,
    reader,
    senders,
    membership,
    place,
    reread,
  });
  undo.unshift(() => log.stop());
  followed.log = log;
  reader.reposition();
  await log.caughtUp(ends);
  return log;
}

/** Again for a while where brokers are away or partitions have no leaders yet, as while others make the topics. */
async function findTopics(
  settings: KafkaSettings,
  create: boolean,
  report: (message: string) => void,
): Promise<{ topics: Topics; ends: TopicEnds }> {
  const untilMs = performance.now() + FOUND_MS;
  for (;;) {
    // A new client begins at another of the brokers that the URL names.
    const kafka = await kafkaClient(settings, { report });
    try {
      const topics = await prepareTopics(kafka, settings, { create });
      return { topics, ends: await topicEnds(kafka, topics) };
    } catch (cause) {
      const error = kafkaError(cause, settings.name);
      if (error.code !== 'engine.unavailable' || performance.now() > untilMs) throw error;
      await delay(FOUND_AGAIN_MS);
    }
  }
}

/** What takes what is read: first the search for the log's first record, then the log. */
type Followed = { readonly search: LogCreatedSearch; log: MemberLog | null };

function sourcesOf({ topic, orderTopic, partitions }: Topics, followed: Followed): Source[] {
  const { search } = followed;
  const events = Array.from({ length: partitions }, (_, partition): Source => {
    return {
      topic,
      partition,
      next: () => (followed.log === null ? (partition === 0 ? search.next() : null) : followed.log.next(partition)),
      read: (records, end) => {
        if (followed.log === null) search.read(records);
        else followed.log.read(partition, records, end);
      },
    };
  });
  const order: Source = {
    topic: orderTopic,
    partition: 0,
    next: () => followed.log?.next(null) ?? null,
    read: (records, end) => followed.log?.read(null, records, end),
  };
  return [...events, order];
}

/** Rejects where nothing can be read. */
async function tooLate(settings: KafkaSettings): Promise<never> {
  await delay(FIRST_READ_MS, undefined, { ref: false });
  throw errors.error('engine.unavailable', `${settings.name} gives nothing to read`, { retryAfterSeconds: 1 });
}

/** Kafka must still have what comes next. */
function requireThere(settings: KafkaSettings, place: KafkaPlace, ends: TopicEnds): void {
  place.partitions.forEach(({ next }, partition) => {
    const { low, high } = ends.partitions[partition]!;
    if (next < low) throw deleted(settings, partition, low);
    if (next <= high) return;
    const where = `${settings.name} has partition ${partition} up to ${high}`;
    throw errors.error(
      'log.other-engine',
      `${where}, and the replica was read up to ${next} of other topics: delete its folder`,
    );
  });
}

function deleted({ name }: KafkaSettings, partition: number, low: number) {
  return errors.error(
    'engine.misconfigured',
    `${name} begins at ${low} in partition ${partition}: what the log had before was deleted`,
  );
}

/** The streams of what the replica has beyond the place that was saved, each with its next revision there. */
async function rereadOf(replica: Replica<KafkaPlace>, { head }: KafkaPlace): Promise<Map<string, number>> {
  const streams = new Map<string, number>();
  const after = { epoch: replica.log.epoch, offsets: [head] };
  for await (const { stream, revision } of replica.log.readAll({ after })) {
    if (!streams.has(stream)) streams.set(stream, revision);
  }
  return streams;
}

type MembershipFor = {
  readonly settings: KafkaSettings;
  readonly partitions: number;
  readonly report?: (message: string) => void;
};

function openMembership(log: MembershipFor): Promise<Membership> {
  return openKafkaMembership(log);
}
