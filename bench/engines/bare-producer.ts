import { CompressionTypes, Kafka, logLevel, type Producer } from 'kafkajs';
import { callers, type Load, type Measured } from './placements.ts';

/** What a pixel's write has in a record of the log: the bare side sends as many bytes. */
const RECORD_BYTES = 170;
const RECORDS_A_SEND = 1000;

type Waiting = { readonly resolve: () => void; readonly reject: (error: unknown) => void };

/**
 * What one would write on kafkajs alone and well: an idempotent producer a partition, one send at a time, all that waits
 * in it, acknowledged by all in-sync copies. It promises less: nobody checks a revision, and nothing is read back.
 */
export class BareProducer {
  readonly #topic: string;
  readonly #lanes: readonly Lane[];
  #next = 0;

  private constructor(topic: string, lanes: readonly Lane[]) {
    this.#topic = topic;
    this.#lanes = lanes;
  }

  static async open(
    brokers: readonly string[],
    topic: string,
    partitions: number,
    copies: number,
  ): Promise<BareProducer> {
    const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
    const admin = kafka.admin();
    await admin.connect();
    const configEntries = [{ name: 'min.insync.replicas', value: String(Math.max(1, copies - 1)) }];
    await admin.createTopics({
      topics: [{ topic, numPartitions: partitions, replicationFactor: copies, configEntries }],
    });
    await admin.disconnect();
    const lanes: Lane[] = [];
    for (let partition = 0; partition < partitions; partition += 1) {
      const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
      await producer.connect();
      lanes.push(new Lane(producer, topic, partition));
    }
    return new BareProducer(topic, lanes);
  }

  get topic(): string {
    return this.#topic;
  }

  measure(load: Load): Promise<Measured> {
    return callers(load, () => {
      this.#next += 1;
      return this.#lanes[this.#next % this.#lanes.length]!.send();
    });
  }

  async close(): Promise<void> {
    for (const lane of this.#lanes) await lane.close();
  }
}

class Lane {
  readonly #producer: Producer;
  readonly #topic: string;
  readonly #partition: number;
  readonly #value = Buffer.alloc(RECORD_BYTES, 'strata');
  #waiting: Waiting[] = [];
  #isSending = false;

  constructor(producer: Producer, topic: string, partition: number) {
    this.#producer = producer;
    this.#topic = topic;
    this.#partition = partition;
  }

  send(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      if (!this.#isSending) void this.#drive();
    });
  }

  async close(): Promise<void> {
    await this.#producer.disconnect();
  }

  async #drive(): Promise<void> {
    this.#isSending = true;
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, RECORDS_A_SEND);
      const messages = batch.map(() => ({ key: 'tile-wall-1-1', value: this.#value, partition: this.#partition }));
      try {
        await this.#producer.send({ topic: this.#topic, messages, acks: -1, compression: CompressionTypes.None });
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#isSending = false;
  }
}
