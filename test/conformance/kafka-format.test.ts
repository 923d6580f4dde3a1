import { readFileSync } from 'node:fs';
import { crc32c } from '@node-rs/crc32';
import { expect, test } from 'vitest';
import { CountedRevisions } from '#log/kafka/counted-revisions.ts';
import type { EnqueuedWrite } from '#log/kafka/enqueued-write.ts';
import { kafkaBegin } from '#log/kafka/kafka-place.ts';
import { decodeLogCreated, recordSeed } from '#log/kafka/record.ts';
import { Replication } from '#log/kafka/replication.ts';
import { sampleCodec } from './sample-events.ts';

type Example = { readonly offset: number; readonly value: Buffer; readonly verdict: string };

/** The blocks of records on the page: offset, hex over several lines, and what becomes of it. */
function examples(): Example[][] {
  const page = readFileSync(new URL('../../docs/reference/kafka.md', import.meta.url), 'utf8');
  const blocks = [...page.matchAll(/^```\n(.*?)^```/gms)].map(([, block]) => block!);
  return blocks.map((block) =>
    [...block.matchAll(/^(\d+) ([0-9a-f\s]+?) +-- (.*)$/gm)].map(([, offset, hex, verdict]) => {
      return { offset: Number(offset), value: Buffer.from(hex!.replace(/\s/g, ''), 'hex'), verdict: verdict! };
    }),
  );
}

const number = (bytes: Buffer, at: number) => {
  const value = bytes.readUIntLE(at, 6);
  return value === 2 ** 48 - 1 ? null : value;
};

/** What becomes of the records of a partition, by the page alone. */
function judged(records: readonly Example[]): string[] {
  let seed = 0;
  let owner: number | null = null;
  const next = new Map<string, number>();
  return records.map(({ offset, value }) => {
    const kind = value[5];
    expect(value.readUInt32LE(0)).toBe(crc32c(value.subarray(4), kind === 1 ? 0 : seed));
    expect(value[4]).toBe(1);
    if (kind === 1) {
      seed = crc32c(`${value.toString('hex', 8, 24)}.${value.readUInt32LE(24)}`);
      return 'LogCreated';
    }
    if (kind === 2) {
      if (number(value, 8) !== owner) return 'another member took the partition over before';
      owner = offset;
      return 'PartitionOwned';
    }
    if (number(value, 8) !== owner) return 'its owner had lost the partition';
    const event = value.subarray(18, 18 + value.readUInt32LE(14));
    const nameAt = 41 + event[38]!;
    const stream = event.toString('utf8', nameAt, nameAt + event[39]!);
    if (event.readUIntLE(32, 6) !== (next.get(stream) ?? 0)) return "its revision is not the stream's next";
    next.set(stream, (next.get(stream) ?? 0) + value.readUInt16LE(6));
    return 'counts';
  });
}

test('a reader that has the page only finds what counts', () => {
  const [records = [], order = []] = examples();
  expect(records).toHaveLength(7);
  expect(judged(records)).toEqual(records.map(({ verdict }) => verdict));
  let length = 0;
  const verdicts = order.map(({ value }) => {
    if (number(value, 8) !== length) return 'another record gave that place before';
    for (let run = 0; run < value.readUInt16LE(6); run += 1) length += value.readUInt32LE(16 + run * 12);
    return 'counts';
  });
  expect(verdicts).toEqual(order.map(({ verdict }) => verdict));
});

test('and so does a member', async () => {
  const [records = [], order = []] = examples();
  const created = decodeLogCreated(records[0]!.value);
  expect(created).toEqual({ id: '000102030405060708090a0b0c0d0e0f', epoch: 1, partitions: 2 });
  const owners: string[] = [];
  const texts: unknown[] = [];
  const replication = new Replication({
    codec: sampleCodec,
    seed: recordSeed(created!.id, created!.epoch),
    place: kafkaBegin(2),
    revisions: new CountedRevisions(() => texts.length - 1),
    replicate: async (writes) => {
      texts.push(...writes.flat().map(({ stream, data }) => `${stream}: ${data.text}`));
      return writes;
    },
    listener: {
      owned: (_, { number: owner, member, address }) => owners.push(`${owner} ${member.slice(0, 2)} ${address}`),
      counted: (): EnqueuedWrite | null => null,
      placed: () => undefined,
      fault: (error) => expect(error).toBeNull(),
    },
  });
  replication.read(0, records);
  replication.readOrder(order);
  await replication.close();
  expect(owners).toEqual(['1 aa http://10.0.0.1:8080', '4 bb null']);
  expect(texts).toEqual(['note-1: one', 'note-1: two']);
});
