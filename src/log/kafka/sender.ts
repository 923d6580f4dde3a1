import type { Kafka, Producer } from 'kafkajs';
import type { KafkaRecord } from './record.ts';

/** A send that takes longer is given up: what became of it is not known then. A little more than one request may take. */
const SEND_MS = 3500;
/** Retries of kafkajs itself, for what passes quickly: a partition that just got another leader. */
const RETRY = { initialRetryTime: 50, maxRetryTime: 500, retries: 4 };

export type SenderOptions = {
  readonly kafka: Kafka;
  readonly topic: string;
  readonly partition: number;
  readonly report: (message: string) => void;
};

/**
 * Sends to one partition, one send at a time, by a producer of its own: with more, kafkajs loses and doubles what was
 * acknowledged. A producer whose send failed is not used again, because its sequence may name what was sent before.
 */
export class Sender {
  readonly #options: SenderOptions;
  #producer: Promise<Producer> | null = null;
  /** The last send: settled, or on its way. */
  #last: Promise<unknown> = Promise.resolve();
  #failures = 0;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Resolves when enough replicas have the records. Rejects where that is not known, or not so. */
  send(records: readonly KafkaRecord[]): Promise<void> {
    const sent = this.#last.then(() => this.#send(records));
    this.#last = sent.catch(() => undefined);
    return sent;
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#giveUp();
  }

  async #send(records: readonly KafkaRecord[]): Promise<void> {
    const { topic, partition, report } = this.#options;
    const messages = records.map(({ key, value }) => ({ key, value, partition }));
    try {
      this.#producer ??= this.#connect();
      await within(
        SEND_MS,
        this.#producer.then((producer) => producer.send({ topic, messages, acks: -1 })),
      );
      if (this.#failures > 0) report(`Kafka takes writes to ${topic}/${partition} again`);
      this.#failures = 0;
    } catch (error) {
      this.#failures += 1;
      if (this.#failures === 1) report(`Kafka did not take a write to ${topic}/${partition}: ${error}`);
      void this.#giveUp();
      throw error;
    }
  }

  async #connect(): Promise<Producer> {
    const producer = this.#options.kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      retry: RETRY,
      createPartitioner:
        () =>
        ({ message }) =>
          message.partition!,
    });
    await producer.connect();
    return producer;
  }

  async #giveUp(): Promise<void> {
    const producer = this.#producer;
    this.#producer = null;
    await producer?.then((connected) => connected.disconnect()).catch(() => undefined);
  }
}

/** Rejects when it takes longer; what was begun goes on. */
async function within<Result>(timeoutMs: number, promise: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
