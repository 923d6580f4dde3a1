import { z } from 'zod';
import type { CountedRevisions } from './counted-revisions.ts';
import type { LogRecord } from './record.ts';

/** Who may write to a partition: `number` is the Kafka offset of the record that says so. */
const owner = z.object({ number: z.int(), member: z.string(), address: z.string().nullable() });
export type Owner = z.infer<typeof owner>;

/** Where a partition is read on, and what was known there. */
export const partitionPlace = z.object({ next: z.int(), owner: owner.nullable(), isImporting: z.boolean() });
export type PartitionPlace = Readonly<z.infer<typeof partitionPlace>>;

export const PARTITION_BEGIN: PartitionPlace = { next: 0, owner: null, isImporting: false };

/** A record counts, or the reason why every reader skips it. */
export type Verdict =
  | 'counts'
  | 'is no record of this log'
  | 'another member took the partition over before'
  | 'its owner had lost the partition'
  | "its revision is not the stream's next";

/** A record as the rule sees it: a write with its stream and first revision. */
export type Judged =
  | Exclude<LogRecord, { kind: 'write' }>
  | { kind: 'write'; owner: number; stream: string; firstRevision: number; count: number };

/**
 * Which records of a partition count: a pure function of what stands before, so that every reader finds the same, wherever it
 * began to read.
 *
 * - `PartitionOwned` counts when it follows the owner that there is: of two that follow the same one the first wins, and one
 *   that was sent twice counts once.
 * - A write counts when its owner is the partition's, and its first revision is its stream's next.
 */
export class PartitionRule {
  #place: PartitionPlace;
  readonly #revisions: CountedRevisions;

  constructor(place: PartitionPlace, revisions: CountedRevisions) {
    this.#place = place;
    this.#revisions = revisions;
  }

  /** After the last record that was judged. */
  get place(): PartitionPlace {
    return this.#place;
  }

  get owner(): Owner | null {
    return this.#place.owner;
  }

  /** Judges the record at `offset`; those before must have been judged, those below are none of its business any more. */
  judge(offset: number, record: Judged | null): Verdict {
    const before = this.#place;
    this.#place = { ...before, next: offset + 1 };
    if (record === null || record.kind === 'order') return 'is no record of this log';
    if (record.kind === 'import') {
      this.#place = { ...this.#place, isImporting: record.isBegun };
      return 'counts';
    }
    const number = before.owner?.number ?? null;
    if (record.kind === 'owned') {
      if (record.follows !== number) return 'another member took the partition over before';
      const { member, address } = record;
      this.#place = { ...this.#place, owner: { number: offset, member, address } };
      return 'counts';
    }
    if (record.owner !== number) return 'its owner had lost the partition';
    if (record.firstRevision !== this.#revisions.next(record.stream)) return "its revision is not the stream's next";
    this.#revisions.count(record.stream, record.count);
    return 'counts';
  }
}
