import type { RecordedWrite } from '#log/event-log.ts';
import { errors, isStrataError } from '../../errors.ts';
import type { KafkaMember } from './member.ts';
import type { OwnedPartition } from './owned-partition.ts';
import { encodeImport, encodeOrder, type Run } from './record.ts';
import type { Senders } from './senders.ts';

/** So much is on its way at once. */
const CHUNK_WRITES_MAX = 2000;
const CHUNK_BYTES_MAX = 4 * 1024 * 1024;
/** About as many bytes as a write's events have, before they are encoded. */
const EVENT_BYTES = 300;
/** How long this member may take to own all partitions. */
const OWNED_MS = 30_000;

export type ImportParts = {
  readonly member: KafkaMember;
  readonly senders: Senders;
  /** The replica's last offset. */
  readonly head: () => number;
  /** Resolves once it is so; rejects with the fault that prevents it. */
  readonly until: (isMet: () => boolean) => Promise<void>;
};

/**
 * Takes over the writes of another log, in exactly its order. The places are sent first, to the order, and then the writes: so an
 * import that ended early has left no write without a place, and goes on from any member. In partition 0 stands that an import has
 * begun and that it has ended well; until then no member takes a command.
 *
 * @throws request.invalid where there are other events than the import's; partition.moving where the partitions are not all here
 */
export async function importWrites(writes: AsyncIterable<RecordedWrite>, parts: ImportParts): Promise<void> {
  const { member, senders, until } = parts;
  const { replication, seed } = member;
  let next: number | null = null;
  let isBegun = false;
  let chunk: RecordedWrite[] = [];
  let sizeBytes = 0;
  for await (const write of writes) {
    if (!isBegun) next = await begin(parts);
    isBegun = true;
    const { offset } = write[0]!;
    if (next !== null && offset !== next) {
      throw errors.error('request.invalid', `the import goes on with the event at ${next}, not at ${offset}`);
    }
    next = null;
    chunk.push(write);
    sizeBytes += sizeOf(write);
    if (chunk.length < CHUNK_WRITES_MAX && sizeBytes < CHUNK_BYTES_MAX) continue;
    await importChunk(chunk, parts);
    [chunk, sizeBytes] = [[], 0];
  }
  if (chunk.length > 0) await importChunk(chunk, parts);
  // Without a write, there may be none to end.
  if (!replication.isImporting) return;
  await senders.send(0, [encodeImport(false, seed)]);
  await until(() => !replication.isImporting);
}

/** Begins an import, or goes on with one; resolves with the offset that comes next, `null` for whichever is given. */
async function begin(parts: ImportParts): Promise<number | null> {
  const { member, senders, head, until } = parts;
  const { replication, seed } = member;
  const isGoingOn = replication.isImporting;
  if (head() > 0 && !isGoingOn) throw notEmpty();
  if (!isGoingOn) {
    await senders.send(0, [encodeImport(true, seed)]);
    await until(() => replication.isImporting);
  }
  await ownAll(parts);
  // What another member wrote before it heard of the import.
  if (!isGoingOn && (head() > 0 || !replication.isComplete)) {
    await senders.send(0, [encodeImport(false, seed)]);
    throw notEmpty();
  }
  return head() > 0 ? head() + 1 : null;
}

async function ownAll({ member, until }: ImportParts): Promise<void> {
  const untilMs = performance.now() + OWNED_MS;
  await until(() => {
    const missing = Array.from({ length: member.partitions }, (_, partition) => partition).filter(
      (partition) => member.owners.open(partition) === null,
    );
    if (missing.length === 0) return true;
    if (performance.now() < untilMs) return false;
    throw errors.error('partition.moving', `partitions ${missing.join(', ')} are not here: stop the other members`);
  });
}

async function importChunk(
  chunk: readonly RecordedWrite[],
  { member, senders, head, until }: ImportParts,
): Promise<void> {
  const { replication, partitions, seed } = member;
  const { order } = replication;
  const runs = runsOf(chunk.map((write) => member.partitionOf(write[0]!.stream)));
  const target = chunk.reduce((sum, write) => sum + write.length, head());
  if (partitions > 1) {
    const rest = withoutPlaced(runs, order.places);
    if (rest.length > 0) {
      const { length } = order;
      await senders.sendOrder([encodeOrder(length, rest, seed)]);
      await until(() => order.length > length);
      if (order.length !== length + count(rest)) throw interfered();
    }
  }
  const sent = chunk.flatMap((write) => {
    const { stream, revision } = write[0]!;
    // It came in before the import ended early, and has its place already.
    if (revision <= member.lastRevision(stream)) return [];
    const enqueued = member.enqueue(here(member, member.partitionOf(stream)), write);
    if (isStrataError(enqueued)) throw enqueued;
    return [enqueued.settled];
  });
  for (const result of await Promise.all(sent)) if (!result.ok) throw result.error;
  await until(() => head() >= target);
}

function here(member: KafkaMember, partition: number): OwnedPartition {
  const held = member.owners.held(partition);
  if (held !== null) return held;
  throw errors.error('partition.moving', `partition ${partition} is not here any more: start the import again`);
}

function runsOf(partitions: readonly number[]): Run[] {
  const runs: [number, number, null][] = [];
  for (const partition of partitions) {
    const last = runs.at(-1);
    if (last?.[0] === partition) last[1] += 1;
    else runs.push([partition, 1, null]);
  }
  return runs;
}

/** The runs after those that have a place already, which must be the same ones. */
function withoutPlaced(runs: readonly Run[], placed: readonly Run[]): Run[] {
  const rest = runs.map(([partition, writes]): [number, number, null] => [partition, writes, null]);
  for (const [partition, writes] of placed) {
    let left = writes;
    while (left > 0 && rest.length > 0) {
      const first = rest[0]!;
      if (first[0] !== partition) throw interfered();
      const taken = Math.min(left, first[1]);
      left -= taken;
      first[1] -= taken;
      if (first[1] === 0) rest.shift();
    }
  }
  return rest;
}

function count(runs: readonly Run[]): number {
  return runs.reduce((sum, [, writes]) => sum + writes, 0);
}

function sizeOf(write: RecordedWrite): number {
  return write.reduce((sum, { data }) => sum + EVENT_BYTES + JSON.stringify(data).length, 0);
}

function interfered() {
  return errors.error('log.other-engine', 'the log has other writes than the import: empty topics are needed');
}

function notEmpty() {
  return errors.error('request.invalid', 'a log is imported into an empty one only');
}
