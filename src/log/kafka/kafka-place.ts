import { z } from 'zod';
import { ORDER_BEGIN, orderPlace } from './order-rule.ts';
import { PARTITION_BEGIN, partitionPlace } from './partition-rule.ts';

/** Up to where Kafka was read when the replica had its head: what it goes on with after a restart. */
export const kafkaPlace = z.object({
  /** The offset of the replica's last event. */
  head: z.int(),
  partitions: z.array(partitionPlace),
  order: orderPlace,
  recordedAt: z.int(),
});
export type KafkaPlace = Readonly<z.infer<typeof kafkaPlace>>;

/** Before the first record. */
export function kafkaBegin(partitions: number): KafkaPlace {
  const places = Array.from({ length: partitions }, () => PARTITION_BEGIN);
  return { head: 0, partitions: places, order: ORDER_BEGIN, recordedAt: 0 };
}
