import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { openKafkaMembership } from '#cluster/kafka-membership.ts';
import { type KafkaLogOptions, openKafkaLog } from '#log/kafka/kafka-log.ts';
import type { LocalLog } from '#log/local-log.ts';
import { sampleCodec } from '../conformance/sample-events.ts';

/** As short as brokers take it, so that tests need not wait for a member that is gone. */
const SESSION_MS = 3000;
const WAIT_MS = 30_000;

/** A URL with topics that no other test has. */
export function topicUrl(brokersUrl: string, partitions: number): string {
  return `${brokersUrl}/test-${randomBytes(6).toString('hex')}?partitions=${partitions}`;
}

/** A member of a log of sample events on Kafka. */
export function openMember(
  options: Pick<KafkaLogOptions, 'url' | 'dir'> & Partial<KafkaLogOptions>,
): Promise<LocalLog> {
  return openKafkaLog({
    codec: sampleCodec,
    address: null,
    create: true,
    membership: (log) => openKafkaMembership({ ...log, sessionTimeoutMs: SESSION_MS }),
    ...options,
  });
}

/** Waits until the condition holds. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const endMs = performance.now() + WAIT_MS;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`${what}: not in time`);
    await delay(5);
  }
}

/** Waits until all partitions are written to here. */
export async function ownsAll(log: LocalLog, partitions: number): Promise<void> {
  await until(
    () =>
      Array.from({ length: partitions }, (_, partition) => log.ownerOf(partition)).every((owner) => owner === 'here'),
    'the member owns all partitions',
  );
}
