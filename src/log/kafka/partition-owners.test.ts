import { expect, test } from 'vitest';
import { PartitionOwners } from './partition-owners.ts';
import type { Owner } from './partition-rule.ts';
import { decodeRecord, type KafkaRecord, type PartitionOwned } from './record.ts';

test('a member that was away takes no partition back before it is in the group again', async () => {
  let nowMs = 0;
  let leaseUntilMs = 1000;
  let owner: Owner | null = null;
  const claims: PartitionOwned[] = [];
  const owners = new PartitionOwners({
    partitions: 1,
    membership: {
      member: 'a'.repeat(32),
      assigned: () => new Set([0]),
      onChange: () => undefined,
      leaseUntilMs: () => leaseUntilMs,
      setReady: () => undefined,
      close: async () => undefined,
    },
    address: 'http://a',
    seed: 0,
    read: { owner: () => owner, progress: () => ({ counted: 0, replicated: 0 }) },
    send: async (_partition, records: readonly KafkaRecord[]) => {
      claims.push(...records.map(({ value }) => decodeRecord(value, 0) as PartitionOwned));
    },
    onSend: () => undefined,
    nowMs: () => nowMs,
  });
  const counts = (number: number, member: string, address: string, nonce: string) => {
    owner = { number, member, address };
    owners.owned(0, owner, nonce);
  };

  owners.tick();
  counts(7, 'a'.repeat(32), 'http://a', claims[0]!.nonce);
  expect(owners.ownerOf(0)).toBe('here');

  nowMs = 5000;
  counts(9, 'b'.repeat(32), 'http://b', 'c'.repeat(32));
  owners.tick();
  expect(claims).toHaveLength(1);

  leaseUntilMs = 6000;
  owners.tick();
  expect(claims.map(({ follows }) => follows)).toEqual([null, 9]);
});
