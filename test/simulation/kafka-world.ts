import { setImmediate } from 'node:timers/promises';
import type { Membership } from '#cluster/membership.ts';
import type { RecordedWrite } from '#log/event-log.ts';
import { type KafkaPlace, kafkaBegin } from '#log/kafka/kafka-place.ts';
import { KafkaMember } from '#log/kafka/member.ts';
import type { KafkaRecord } from '#log/kafka/record.ts';
import { hashOf, notes, SAMPLE_AT_MS, sampleCodec } from '../conformance/sample-events.ts';
import type { Random } from './random.ts';

export const LOG_ID = hashOf('a simulated log');
const EPOCH = 1;

/** Topics that keep records in the order that they come in, and a network that loses, delays and doubles sends. */
export class SimulatedKafka {
  readonly partitions: Buffer[][];
  readonly order: Buffer[] = [];
  readonly #random: Random;
  /** What the network still does. */
  #pending: (() => void)[] = [];
  /** How likely a send goes wrong. */
  faults = 0;

  constructor(partitions: number, random: Random) {
    this.partitions = Array.from({ length: partitions }, () => []);
    this.#random = random;
  }

  send(records: Buffer[], sent: readonly KafkaRecord[]): Promise<void> {
    const random = this.#random;
    const apply = () => {
      records.push(...sent.map(({ value }) => value));
    };
    return new Promise((resolve, reject) => {
      const lost = () => reject(new Error('the connection was lost'));
      // Among them what kafkajs is known for: acknowledged, and lost.
      const ways = [
        [lost],
        [apply, lost],
        [lost, apply],
        [lost, apply, apply],
        [apply, apply, resolve],
        [apply, resolve, apply],
        [resolve, apply],
        [resolve],
      ];
      const steps = random.chance(this.faults) ? [...random.pick(ways)] : [apply, resolve];
      const go = () => {
        steps.shift()!();
        if (steps.length > 0) this.#pending.push(go);
      };
      this.#pending.push(go);
    });
  }

  /** Something that is under way happens. */
  step(): void {
    if (this.#pending.length === 0) return;
    const at = this.#random.below(this.#pending.length);
    this.#pending.splice(at, 1)[0]!();
  }

  /** All that is under way happens. */
  drain(): void {
    while (this.#pending.length > 0) this.step();
  }
}

/** A replica in memory: what a member has on its disk. */
export class SimulatedReplica {
  readonly writes: RecordedWrite[] = [];
  readonly #revisions = new Map<string, number>();
  place: KafkaPlace;
  #next = 0;

  constructor(partitions: number) {
    this.place = kafkaBegin(partitions);
  }

  get offset(): number {
    return this.writes.at(-1)?.at(-1)?.offset ?? 0;
  }

  lastRevision(stream: string): number {
    return this.#revisions.get(stream) ?? -1;
  }

  /** The streams of what came in after the saved place, as the next start finds them. */
  reread(): Map<string, number> {
    this.#next = this.writes.findIndex((write) => write[0]!.offset > this.place.head);
    if (this.#next === -1) this.#next = this.writes.length;
    const streams = new Map<string, number>();
    for (const [first] of this.writes.slice(this.#next)) {
      if (!streams.has(first!.stream)) streams.set(first!.stream, first!.revision);
    }
    return streams;
  }

  /** For a process that dies meanwhile, nothing happens any more. */
  async replicate(writes: readonly RecordedWrite[], process: { isDead: boolean }): Promise<readonly RecordedWrite[]> {
    await setImmediate();
    if (process.isDead) return new Promise(() => undefined);
    return writes.map((write) => {
      const known = this.writes[this.#next];
      this.#next += 1;
      if (known !== undefined) {
        if (known[0]!.id !== write[0]!.id) throw new Error('a replica is told another history than before');
        return known;
      }
      const { offset } = this;
      const placed = write.map((event, index) => ({ ...event, offset: offset + 1 + index }));
      if (placed[0]!.revision !== this.lastRevision(placed[0]!.stream) + 1) throw new Error('revisions have a gap');
      this.writes.push(placed);
      this.#revisions.set(placed[0]!.stream, placed.at(-1)!.revision);
      return placed;
    });
  }
}

/** What a member believes it may own; nothing keeps two of them from believing the same. */
class Belief implements Membership {
  readonly member: string;
  #assigned = new Set<number>();
  #listener: () => void = () => undefined;

  constructor(member: string) {
    this.member = member;
  }

  assigned(): ReadonlySet<number> {
    return this.#assigned;
  }

  assign(partitions: Iterable<number>): void {
    this.#assigned = new Set(partitions);
    this.#listener();
  }

  onChange(listener: () => void): void {
    this.#listener = listener;
  }

  leaseUntilMs(): number {
    return Number.POSITIVE_INFINITY;
  }

  setReady(): void {}

  async close(): Promise<void> {}
}

/** A running member, with the real code over the simulated topics. */
export class SimulatedMember {
  readonly belief: Belief;
  readonly member: KafkaMember;
  readonly replica: SimulatedReplica;
  readonly #kafka: SimulatedKafka;
  readonly #random: Random;
  /** A killed process: what it sent is under way, and nothing more comes of it. */
  isDead = false;

  constructor(name: string, kafka: SimulatedKafka, replica: SimulatedReplica, random: Random, nowMs: () => number) {
    this.#kafka = kafka;
    this.#random = random;
    this.replica = replica;
    this.belief = new Belief(hashOf(name));
    this.member = new KafkaMember({
      id: LOG_ID,
      epoch: EPOCH,
      codec: sampleCodec,
      place: replica.place,
      reread: replica.reread(),
      replica: {
        lastRevision: (stream) => replica.lastRevision(stream),
        replicate: (writes) => replica.replicate(writes, this),
      },
      membership: this.belief,
      address: null,
      send: (partition, records) => this.#send(kafka.partitions[partition]!, records),
      sendOrder: (records) => this.#send(kafka.order, records),
      clock: () => SAMPLE_AT_MS,
      nowMs,
      placed: () => {
        if (random.chance(0.3)) replica.place = this.member.replication.place;
      },
    });
  }

  /** Reads some of what comes next, in a partition or the order; sometimes what was read before, too. */
  read(most: number): void {
    const { replication, partitions } = this.member;
    const partition = this.#random.below(partitions + 1);
    const again = this.#random.chance(0.2) ? this.#random.below(4) : 0;
    const next = partition === partitions ? replication.order.next : replication.next(partition);
    const records = partition === partitions ? this.#kafka.order : this.#kafka.partitions[partition]!;
    const from = Math.max(0, next - again);
    const read = records.slice(from, next + most).map((value, index) => ({ offset: from + index, value }));
    if (partition === partitions) replication.readOrder(read);
    else replication.read(partition, read);
    this.member.afterReading();
  }

  /** Reads everything. */
  readAll(): void {
    const { replication, partitions } = this.member;
    for (let partition = 0; partition < partitions; partition += 1) {
      replication.read(partition, recordsOf(this.#kafka.partitions[partition]!));
    }
    replication.readOrder(recordsOf(this.#kafka.order));
    this.member.afterReading();
  }

  /** A write of some notes to one of a few streams. */
  append(random: Random, made: string, stream = `s-${random.below(5)}`) {
    const expected = random.chance(0.5) ? ('any' as const) : this.member.lastRevision(stream);
    const texts = Array.from({ length: 1 + random.below(3) }, (_, index) => `${made}.${index}`);
    const write = notes(stream, texts, expected === -1 ? 'none' : expected);
    return { write, result: this.member.append([write]).then(([result]) => result!) };
  }

  #send(records: Buffer[], sent: readonly KafkaRecord[]): Promise<void> {
    if (this.isDead) return new Promise(() => undefined);
    return this.#kafka.send(records, sent);
  }
}

function recordsOf(values: readonly Buffer[]): { offset: number; value: Buffer }[] {
  return values.map((value, offset) => ({ offset, value }));
}

/** Whatever can go on by itself does. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 8; turn += 1) await setImmediate();
}
