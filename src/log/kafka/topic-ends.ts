import type { Kafka } from 'kafkajs';
import type { Topics } from './topics.ts';

/** The offsets of the first record that is there, and of the next one that comes. */
export type PartitionEnds = { readonly low: number; readonly high: number };

export type TopicEnds = { readonly partitions: readonly PartitionEnds[]; readonly order: PartitionEnds };

/** Where the partitions of the log's topics begin and end now. */
export async function topicEnds(kafka: Kafka, { topic, orderTopic, partitions }: Topics): Promise<TopicEnds> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const endsOf = async (name: string, count: number) => {
      const offsets = await admin.fetchTopicOffsets(name);
      return Array.from({ length: count }, (_, partition): PartitionEnds => {
        const found = offsets.find((each) => each.partition === partition);
        return { low: Number(found?.low ?? 0), high: Number(found?.high ?? 0) };
      });
    };
    const [order] = await endsOf(orderTopic, 1);
    return { partitions: await endsOf(topic, partitions), order: order! };
  } finally {
    await admin.disconnect();
  }
}
