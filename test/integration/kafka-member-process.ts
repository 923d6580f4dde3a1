import { openKafkaMembership } from '#cluster/kafka-membership.ts';
import { kafkaSettings } from '#log/kafka/url.ts';

/** `node kafka-member-process.ts URL PARTITIONS SESSION_MS`: a member that prints what it is assigned, until it is killed. */
const [, , url = '', partitions = '', sessionTimeoutMs = ''] = process.argv;
const membership = await openKafkaMembership({
  settings: kafkaSettings(url),
  partitions: Number(partitions),
  sessionTimeoutMs: Number(sessionTimeoutMs),
});
membership.onChange(() => console.log(JSON.stringify([...membership.assigned()])));
membership.setReady(true);
