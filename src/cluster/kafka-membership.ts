import { randomBytes } from 'node:crypto';
import type { AssignerProtocol, Consumer, Kafka } from 'kafkajs';
import { kafkaClient } from '#log/kafka/client.ts';
import type { KafkaSettings } from '#log/kafka/url.ts';
import type { Membership } from './membership.ts';
import { ownersAssigner } from './owners-assigner.ts';
import type { Candidate } from './spread.ts';

const SESSION_MS = 6000;
const HEARTBEAT_MS_MAX = 500;
const HEARTBEATS_A_SESSION = 4;
const REQUEST_MS_MIN = 1000;
const REJOIN_AFTER_MS = 250;
/** A group that has not answered for so many sessions is left and joined again. */
const SILENT_SESSIONS_MAX = 3;
/** Fewer than by default: what goes wrong for longer begins again, with a group and brokers that are asked for anew. */
const RETRY = { initialRetryTime: 50, maxRetryTime: 500, factor: 0.2, multiplier: 2, retries: 1 } as const;

export type KafkaMembershipOptions = {
  readonly settings: KafkaSettings;
  /** How many the topic has. */
  readonly partitions: number;
  /** After how long a member that is not heard of is thought to be gone; 6 s unless told, the least that brokers take by default. */
  readonly sessionTimeoutMs?: number;
  readonly report?: ((message: string) => void) | undefined;
};

/**
 * A membership by a Kafka consumer group, `TOPIC.owners`, whose members read nothing: partitions are only given out. A member
 * joins when it is first ready. One that became ready again after it was not gets its share when the group next changes; at
 * once if it has none.
 */
export async function openKafkaMembership(options: KafkaMembershipOptions): Promise<Membership> {
  const { AssignerProtocol } = await import('kafkajs');
  const sessionTimeoutMs = options.sessionTimeoutMs ?? SESSION_MS;
  // What the client would report happens at every change of the group; what matters of it is reported here.
  const requestTimeoutMs = Math.max(REQUEST_MS_MIN, sessionTimeoutMs / 2);
  const client = await kafkaClient(options.settings, { requestTimeoutMs });
  return new KafkaMembership(client, AssignerProtocol, { ...options, sessionTimeoutMs });
}

class KafkaMembership implements Membership {
  readonly member = randomBytes(16).toString('hex');
  readonly #client: Kafka;
  readonly #protocol: typeof AssignerProtocol;
  readonly #options: KafkaMembershipOptions & { readonly sessionTimeoutMs: number };
  readonly #topic: string;
  #assigned: ReadonlySet<number> = new Set();
  /** What was last assigned, also while the group is joined again: still held, as long as the lease. */
  #held: ReadonlySet<number> = new Set();
  #leaseUntilMs = 0;
  /** True while the group is being formed anew. */
  #isRejoining = false;
  #isReady = false;
  #wasReadyAtJoin = false;
  #listener: () => void = () => {};
  #isClosed = false;
  #membership: Promise<void> | null = null;
  #endSession: () => void = () => {};
  /** What is told by one that could not be disconnected in time is not heard. */
  #current: Consumer | null = null;

  constructor(
    client: Kafka,
    protocol: typeof AssignerProtocol,
    options: KafkaMembershipOptions & { readonly sessionTimeoutMs: number },
  ) {
    this.#client = client;
    this.#protocol = protocol;
    this.#options = options;
    this.#topic = options.settings.topic;
  }

  assigned(): ReadonlySet<number> {
    return this.#assigned;
  }

  onChange(listener: () => void): void {
    this.#listener = listener;
  }

  leaseUntilMs(): number {
    // From when it asks to join again, others may be given what it has.
    return this.#isRejoining ? Number.NEGATIVE_INFINITY : this.#leaseUntilMs;
  }

  setReady(isReady: boolean): void {
    this.#isReady = isReady;
    if (!isReady || this.#isClosed) return;
    if (this.#membership === null) this.#membership = this.#stay();
    // The group hears of it when it is joined; without a partition nothing is lost by leaving first.
    else if (!this.#wasReadyAtJoin && this.#held.size === 0) this.#endSession();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#assign(new Set());
    this.#leaseUntilMs = 0;
    this.#endSession();
    await this.#membership;
  }

  /** Joins the group, again and again until closed. */
  async #stay(): Promise<void> {
    while (!this.#isClosed) {
      await this.#join();
      this.#assign(new Set());
      if (!this.#isClosed) await new Promise((resolve) => setTimeout(resolve, REJOIN_AFTER_MS));
    }
  }

  /** Joins the group once, and stays in it as long as it holds. */
  async #join(): Promise<void> {
    const consumer = this.#consumer();
    this.#current = consumer;
    const ended = new Promise<void>((resolve) => {
      this.#endSession = resolve;
      consumer.on(consumer.events.CRASH, () => resolve());
    });
    const watch = this.#watchSilence();
    this.#follow(consumer);
    const running = (async () => {
      await consumer.connect();
      await consumer.subscribe({ topic: this.#topic });
      // What was read is not wanted, and an offset that is stored is not asked of the partitions' leaders at every join.
      await consumer.run({ autoCommit: true, eachBatch: async () => {} });
      await ended;
    })();
    try {
      await Promise.race([running, ended]);
    } catch (error) {
      this.#report(`could not join: ${String(error)}`);
    }
    clearInterval(watch);
    this.#current = null;
    await this.#disconnect(consumer);
  }

  #consumer(): Consumer {
    const { sessionTimeoutMs, partitions } = this.#options;
    const heartbeatInterval = Math.min(HEARTBEAT_MS_MAX, sessionTimeoutMs / HEARTBEATS_A_SESSION);
    return this.#client.consumer({
      groupId: `${this.#topic}.owners`,
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: sessionTimeoutMs,
      heartbeatInterval,
      // Nothing is fetched, and heartbeats are thought of each time that nothing was.
      maxWaitTimeInMs: heartbeatInterval / 2,
      allowAutoTopicCreation: false,
      retry: { ...RETRY, restartOnFailure: async () => false },
      partitionAssigners: [ownersAssigner(this.#protocol, { partitions, self: () => this.#candidate() })],
    });
  }

  #candidate(): Candidate {
    this.#wasReadyAtJoin = this.#isReady;
    const holds = performance.now() < this.#leaseUntilMs;
    return { member: this.member, isReady: this.#isReady, held: holds ? [...this.#held] : [] };
  }

  #follow(consumer: Consumer): void {
    const { GROUP_JOIN, REBALANCING, HEARTBEAT, REQUEST, CRASH } = consumer.events;
    const topic = this.#topic;
    /** When the last request of each kind was sent. */
    const sentAtMs = new Map<string, number>();
    const extend = (apiName: string) => {
      if (this.#current !== consumer || this.#isClosed) return;
      // From when it was sent: the coordinator counts from a later moment, when it was received.
      this.#leaseUntilMs = (sentAtMs.get(apiName) ?? 0) + this.#options.sessionTimeoutMs;
    };
    consumer.on(REQUEST, ({ payload }) => {
      // It is measured in whole milliseconds of a clock that may be set back.
      const durationMs = Math.max(0, payload.duration) + 1;
      sentAtMs.set(payload.apiName, performance.now() - durationMs);
    });
    consumer.on(HEARTBEAT, () => extend('Heartbeat'));
    consumer.on(REBALANCING, () => {
      this.#isRejoining = this.#current === consumer;
    });
    consumer.on(GROUP_JOIN, ({ payload }) => {
      if (this.#current !== consumer || this.#isClosed) return;
      const partitions = payload.memberAssignment[topic] ?? [];
      consumer.pause([{ topic, partitions }]);
      for (const partition of partitions) consumer.seek({ topic, partition, offset: '0' });
      extend('SyncGroup');
      this.#isRejoining = false;
      this.#held = new Set(partitions);
      this.#assign(this.#held);
    });
    consumer.on(CRASH, ({ payload }) => this.#report(`lost: ${payload.error.message}`));
  }

  #assign(partitions: ReadonlySet<number>): void {
    const isSame = partitions.size === this.#assigned.size && partitions.isSubsetOf(this.#assigned);
    if (isSame) return;
    this.#assigned = partitions;
    this.#listener();
  }

  /** Ends the session when nothing was heard of the group for long. */
  #watchSilence(): NodeJS.Timeout {
    const silenceMsMax = SILENT_SESSIONS_MAX * this.#options.sessionTimeoutMs;
    const sinceMs = performance.now();
    return setInterval(() => {
      if (performance.now() < Math.max(sinceMs, this.#leaseUntilMs) + silenceMsMax) return;
      this.#report('does not answer');
      this.#endSession();
    }, this.#options.sessionTimeoutMs);
  }

  /** Leaves the group if its coordinator answers; else it learns of it by the end of the session. */
  async #disconnect(consumer: Consumer): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#options.sessionTimeoutMs);
    });
    const left = consumer.disconnect().catch((error) => this.#report(`could not leave: ${String(error)}`));
    await Promise.race([left, late]);
    clearTimeout(timer);
  }

  #report(what: string): void {
    this.#options.report?.(`kafka: the group ${this.#topic}.owners ${what}`);
  }
}
