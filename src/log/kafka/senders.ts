import type { Kafka } from 'kafkajs';
import type { KafkaRecord } from './record.ts';
import { Sender } from './sender.ts';
import type { Topics } from './topics.ts';

/** A sender for each partition, and one for the order; each connects when it is first used. */
export class Senders {
  readonly #partitions: readonly Sender[];
  readonly #order: Sender;

  constructor(options: {
    readonly kafka: Kafka;
    readonly topics: Topics;
    readonly report: (message: string) => void;
  }) {
    const { kafka, topics, report } = options;
    const { topic, orderTopic, partitions } = topics;
    this.#partitions = Array.from(
      { length: partitions },
      (_, partition) => new Sender({ kafka, topic, partition, report }),
    );
    this.#order = new Sender({ kafka, topic: orderTopic, partition: 0, report });
  }

  /** Sends to a partition; rejects where what became of it is not known. */
  send(partition: number, records: readonly KafkaRecord[]): Promise<void> {
    return this.#partitions[partition]!.send(records);
  }

  /** Sends to the order. */
  sendOrder(records: readonly KafkaRecord[]): Promise<void> {
    return this.#order.send(records);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#partitions, this.#order].map((sender) => sender.close()));
  }
}
