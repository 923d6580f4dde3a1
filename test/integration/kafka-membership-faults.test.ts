import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openKafkaMembership } from '#cluster/kafka-membership.ts';
import type { Membership } from '#cluster/membership.ts';
import { kafkaClient } from '#log/kafka/client.ts';
import { prepareTopics } from '#log/kafka/topics.ts';
import { kafkaSettings } from '#log/kafka/url.ts';
import { type Brokers, hasOwnKafka, kafkaBrokers } from './kafka-brokers.ts';

const PARTITIONS = 4;
const SESSION_MS = 2000;
const PATIENT = { timeout: 60_000, interval: 50 };

describe.skipIf(!hasOwnKafka())(
  'membership while brokers fail (skipped without own Kafka)',
  { timeout: 240_000 },
  () => {
    let kafka: Brokers;
    const members: Membership[] = [];

    beforeAll(async () => {
      kafka = await kafkaBrokers(3);
      const settings = kafkaSettings(`${kafka.url}?partitions=${PARTITIONS}`);
      await prepareTopics(await kafkaClient(settings), settings, { create: true });
      for (let n = 0; n < 2; n += 1) {
        const member = await openKafkaMembership({ settings, partitions: PARTITIONS, sessionTimeoutMs: SESSION_MS });
        members.push(member);
        member.setReady(true);
      }
    }, 90_000);

    afterAll(async () => {
      await Promise.all(members.map((member) => member.close()));
      await kafka?.stop();
    }, 30_000);

    /** All partitions have one owner each, whose claim was renewed after now. */
    async function allOwned(): Promise<void> {
      const sinceMs = performance.now();
      await expect
        .poll(() => members.every((member) => member.leaseUntilMs() > sinceMs + SESSION_MS), PATIENT)
        .toBe(true);
      await expect
        .poll(() => members.flatMap((member) => [...member.assigned()]).toSorted(), PATIENT)
        .toEqual([0, 1, 2, 3]);
    }

    test('brokers are killed, frozen and come back, the coordinator of the group among them', async () => {
      await allOwned();
      const [first, second, third] = kafka.brokers;
      await first!.kill();
      await allOwned();
      await first!.restart();
      await allOwned();
      second!.pause();
      await allOwned();
      second!.resume();
      await allOwned();
      await third!.kill();
      await allOwned();
    });
  },
);
