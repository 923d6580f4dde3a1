import { crc32c } from '@node-rs/crc32';
import { readNumber, writeNumber } from '#events/event-layout.ts';
import type { LogId } from '#log/event-log.ts';
import { errors } from '../../errors.ts';

/**
 * The bytes of Strata's records on Kafka, as `docs/reference/kafka.md` has them. Every record begins with a header: CRC-32C of
 * what follows it (4 bytes), format (1), kind (1), count (2). Integers are unsigned and little-endian.
 */

const FORMAT = 1;
const AT_FORMAT = 4;
const AT_KIND = 5;
const AT_COUNT = 6;
const HEADER_BYTES = 8;
const HASH_BYTES = 16;
/** A number that stands for none, where there is none before. */
const NONE = 2 ** 48 - 1;

const LOG_CREATED = 1;
const PARTITION_OWNED = 2;
const WRITE = 3;
const ORDER = 4;
const IMPORT = 5;

const LOG_CREATED_BYTES = HEADER_BYTES + HASH_BYTES + 6;
const AT_FOLLOWS = HEADER_BYTES;
const AT_MEMBER = AT_FOLLOWS + 6;
const AT_NONCE = AT_MEMBER + HASH_BYTES;
const AT_ADDRESS = AT_NONCE + HASH_BYTES;
const AT_OWNER = HEADER_BYTES;
/** A write's events follow each other from here: length (4), bytes. */
const AT_EVENTS = AT_OWNER + 6;
const AT_FROM = HEADER_BYTES;
/** An order's runs follow each other from here: partition (2), writes (4), owner (6). */
const AT_RUNS = AT_FROM + 6;
const RUN_BYTES = 12;
const LENGTH_BYTES = 4;

/** What goes into a topic. */
export type KafkaRecord = { readonly key: Buffer | null; readonly value: Buffer };

/** The log begins; in partition 0, the first one counts. */
export type LogCreated = { readonly id: LogId; readonly epoch: number; readonly partitions: number };

/** A member takes the partition over from the owner with the number `follows`; the record's Kafka offset is its own number. */
export type PartitionOwned = {
  readonly kind: 'owned';
  readonly follows: number | null;
  readonly member: string;
  readonly nonce: string;
  readonly address: string | null;
};

export type WriteRecord = {
  readonly kind: 'write';
  /** The owner number of who wrote it. */
  readonly owner: number;
  /** The events' canonical bytes. */
  readonly events: readonly Buffer[];
};

/**
 * Places in the order for so many next writes of a partition: of the owner with that number, because they may not be there yet;
 * `null`: of whoever writes them.
 */
export type Run = readonly [partition: number, writes: number, owner: number | null];

/** After the first `from` places of the order come the runs. */
export type OrderRecord = { readonly kind: 'order'; readonly from: number; readonly runs: readonly Run[] };

/** In partition 0: an import begins, or has ended well. */
export type ImportRecord = { readonly kind: 'import'; readonly isBegun: boolean };

export type LogRecord = PartitionOwned | WriteRecord | OrderRecord | ImportRecord;

/** Where the CRCs of a log's records begin: a record of another log in the same topic is never taken for one of this. */
export function recordSeed(id: LogId, epoch: number): number {
  return crc32c(`${id}.${epoch}`);
}

export function encodeLogCreated({ id, epoch, partitions }: LogCreated): KafkaRecord {
  const value = headed(LOG_CREATED, 0, LOG_CREATED_BYTES);
  value.write(id, HEADER_BYTES, 'hex');
  value.writeUInt32LE(epoch, HEADER_BYTES + HASH_BYTES);
  value.writeUInt16LE(partitions, HEADER_BYTES + HASH_BYTES + 4);
  return { key: null, value: sealed(value, 0) };
}

/** `null` for any other record. */
export function decodeLogCreated(value: Buffer | null): LogCreated | null {
  if (value === null || kindOf(value, 0) !== LOG_CREATED || value.length !== LOG_CREATED_BYTES) return null;
  return {
    id: value.toString('hex', HEADER_BYTES, HEADER_BYTES + HASH_BYTES),
    epoch: value.readUInt32LE(HEADER_BYTES + HASH_BYTES),
    partitions: value.readUInt16LE(HEADER_BYTES + HASH_BYTES + 4),
  };
}

export function encodePartitionOwned(owned: Omit<PartitionOwned, 'kind'>, seed: number): KafkaRecord {
  const address = Buffer.from(owned.address ?? '');
  const value = headed(PARTITION_OWNED, 0, AT_ADDRESS + address.length);
  writeNumber(value, AT_FOLLOWS, owned.follows ?? NONE);
  value.write(owned.member, AT_MEMBER, 'hex');
  value.write(owned.nonce, AT_NONCE, 'hex');
  address.copy(value, AT_ADDRESS);
  return { key: null, value: sealed(value, seed) };
}

/** The stream's name is the key. `events` are lengths and canonical bytes already, `count` of them. */
export function encodeWrite(stream: string, owner: number, count: number, events: Buffer, seed: number): KafkaRecord {
  const value = headed(WRITE, count, AT_EVENTS + events.length);
  writeNumber(value, AT_OWNER, owner);
  events.copy(value, AT_EVENTS);
  return { key: Buffer.from(stream), value: sealed(value, seed) };
}

export function encodeOrder(from: number, runs: readonly Run[], seed: number): KafkaRecord {
  const value = headed(ORDER, runs.length, AT_RUNS + runs.length * RUN_BYTES);
  writeNumber(value, AT_FROM, from);
  runs.forEach(([partition, writes, owner], index) => {
    const at = AT_RUNS + index * RUN_BYTES;
    value.writeUInt16LE(partition, at);
    value.writeUInt32LE(writes, at + 2);
    writeNumber(value, at + 6, owner ?? NONE);
  });
  return { key: null, value: sealed(value, seed) };
}

export function encodeImport(isBegun: boolean, seed: number): KafkaRecord {
  return { key: null, value: sealed(headed(IMPORT, isBegun ? 1 : 0, HEADER_BYTES), seed) };
}

/**
 * The record, or `null` for one that is not this log's. A write's events lie on the record's memory.
 * @throws log.unknown-format for what a later version of Strata wrote: it cannot be skipped, because it may count.
 */
export function decodeRecord(value: Buffer | null, seed: number): LogRecord | null {
  if (value === null) return null;
  const kind = kindOf(value, seed);
  if (kind === null || kind === LOG_CREATED) return null;
  const count = value.readUInt16LE(AT_COUNT);
  if (kind === PARTITION_OWNED) return decodePartitionOwned(value);
  if (kind === WRITE) return decodeWrite(value, count);
  if (kind === ORDER) return decodeOrder(value, count);
  if (kind === IMPORT) return { kind: 'import', isBegun: count === 1 };
  throw errors.error('log.unknown-format', `a record on Kafka is of kind ${kind}, which this version does not know`);
}

function decodePartitionOwned(value: Buffer): PartitionOwned | null {
  if (value.length < AT_ADDRESS) return null;
  const follows = readNumber(value, AT_FOLLOWS);
  return {
    kind: 'owned',
    follows: follows === NONE ? null : follows,
    member: value.toString('hex', AT_MEMBER, AT_NONCE),
    nonce: value.toString('hex', AT_NONCE, AT_ADDRESS),
    address: value.length === AT_ADDRESS ? null : value.toString('utf8', AT_ADDRESS),
  };
}

function decodeWrite(value: Buffer, count: number): WriteRecord | null {
  const events: Buffer[] = [];
  let at = AT_EVENTS;
  while (at + LENGTH_BYTES <= value.length) {
    const start = at + LENGTH_BYTES;
    at = start + value.readUInt32LE(at);
    events.push(value.subarray(start, at));
  }
  if (at !== value.length || events.length !== count || count === 0) return null;
  return { kind: 'write', owner: readNumber(value, AT_OWNER), events };
}

function decodeOrder(value: Buffer, count: number): OrderRecord | null {
  if (value.length !== AT_RUNS + count * RUN_BYTES) return null;
  const runs = Array.from({ length: count }, (_, index): Run => {
    const at = AT_RUNS + index * RUN_BYTES;
    const owner = readNumber(value, at + 6);
    return [value.readUInt16LE(at), value.readUInt32LE(at + 2), owner === NONE ? null : owner];
  });
  return { kind: 'order', from: readNumber(value, AT_FROM), runs };
}

function headed(kind: number, count: number, sizeBytes: number): Buffer {
  const value = Buffer.allocUnsafeSlow(sizeBytes);
  value[AT_FORMAT] = FORMAT;
  value[AT_KIND] = kind;
  value.writeUInt16LE(count, AT_COUNT);
  return value;
}

function sealed(value: Buffer, seed: number): Buffer {
  value.writeUInt32LE(crc32c(value.subarray(AT_FORMAT), seed), 0);
  return value;
}

/** `null` where it is not a record of this log; a record of LogCreated is of none, so its seed is 0. */
function kindOf(value: Buffer, seed: number): number | null {
  if (value.length < HEADER_BYTES || value.readUInt32LE(0) !== crc32c(value.subarray(AT_FORMAT), seed)) return null;
  if (value[AT_FORMAT] === FORMAT) return value[AT_KIND]!;
  throw errors.error('log.unknown-format', `a record on Kafka has format ${value[AT_FORMAT]}`);
}
