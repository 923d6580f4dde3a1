import { z } from 'zod';
import type { OrderRecord, Run } from './record.ts';

/** Where the order is read on: it has `length` places, of which those of `runs` are still to be filled. */
export const orderPlace = z.object({
  next: z.int(),
  length: z.int(),
  runs: z.array(z.tuple([z.int(), z.int(), z.int().nullable()])),
});
export type OrderPlace = Readonly<z.infer<typeof orderPlace>>;

export const ORDER_BEGIN: OrderPlace = { next: 0, length: 0, runs: [] };

export type OrderVerdict = 'counts' | 'is no record of this log' | 'another record gave that place before';

/** What was read of a partition: its owner now, and the owner of its first write that waits for a place. */
export type WaitingAt = (partition: number) => { readonly first: number | null; readonly owner: number | null };

/**
 * In which order the writes of all partitions come. A record gives places to so many next writes of a partition, and counts
 * when it goes on exactly where the order ends: of two that were sent for the same place the first wins, so any member may send one. (Scalog, NSDI
 * 2020, orders shards by such cuts.)
 *
 * Places may be given before the writes are there, to writes of one owner: what another owner's record finds unfilled is
 * void, and every reader finds the same, because it stands in the partition which writes come before that record.
 *
 * A log of one partition has its order, and no records.
 */
export class OrderRule {
  readonly #partitions: number;
  #next: number;
  #length: number;
  /** Places that are not filled, in order; those of no one owner are filled by whoever writes next. */
  readonly #places: { readonly partition: number; readonly owner: number | null; writes: number }[];
  /** By partition: places that are not filled, and writes that wait for one to be filled. */
  readonly #given: number[];
  readonly #waiting: number[];

  constructor(partitions: number, { next, length, runs }: OrderPlace) {
    this.#partitions = partitions;
    this.#next = next;
    this.#length = length;
    this.#places = runs.map(([partition, writes, owner]) => ({ partition, writes, owner }));
    this.#given = Array.from({ length: partitions }, () => 0);
    this.#waiting = Array.from({ length: partitions }, () => 0);
    for (const { partition, writes } of this.#places) this.#given[partition]! += writes;
  }

  get place(): OrderPlace {
    return {
      next: this.#next,
      length: this.#length,
      runs: this.places.map((run): [number, number, number | null] => [...run]),
    };
  }

  /** How many places were given. */
  get length(): number {
    return this.#length;
  }

  /** The Kafka offset that is read next. */
  get next(): number {
    return this.#next;
  }

  /** Places that are not filled. */
  get places(): readonly Run[] {
    return this.#places.map(({ partition, writes, owner }) => [partition, writes, owner]);
  }

  get runs(): number {
    return this.#places.length;
  }

  /** How many places wait for writes that were not read yet. */
  get ahead(): number {
    return this.#given.reduce((sum, given, partition) => sum + Math.max(0, given - this.#waiting[partition]!), 0);
  }

  /** How many writes of the partition have no place, if `coming` more of them are on their way: those that wait, and those that come. */
  missing(partition: number, coming: number): { readonly waiting: number; readonly coming: number } {
    if (this.#partitions === 1) return { waiting: 0, coming: 0 };
    const [given, waiting] = [this.#given[partition]!, this.#waiting[partition]!];
    return {
      waiting: Math.max(0, waiting - given),
      coming: Math.max(0, waiting + coming - Math.max(given, waiting)),
    };
  }

  /** A write of the partition counts. */
  count(partition: number): void {
    this.#waiting[partition]! += 1;
  }

  judge(offset: number, record: OrderRecord | null): OrderVerdict {
    this.#next = offset + 1;
    if (record === null || !record.runs.every(([partition]) => partition < this.#partitions)) {
      return 'is no record of this log';
    }
    if (record.from !== this.#length) return 'another record gave that place before';
    for (const [partition, writes, owner] of record.runs) {
      if (writes === 0) continue;
      this.#length += writes;
      this.#given[partition]! += writes;
      this.#places.push({ partition, writes, owner });
    }
    return 'counts';
  }

  /** The partition whose first waiting write comes next in the order; `null` where that is not known yet. */
  nextPartition(at: WaitingAt): number | null {
    if (this.#partitions === 1) return this.#waiting[0]! > 0 ? 0 : null;
    for (;;) {
      const place = this.#places[0];
      if (place === undefined) return null;
      const { first, owner } = at(place.partition);
      const isVoid = place.owner !== null && (first ?? owner ?? place.owner) > place.owner;
      if (!isVoid) return first === null ? null : place.partition;
      this.#given[place.partition]! -= place.writes;
      this.#places.shift();
    }
  }

  /** The first waiting write of the partition that comes next is taken. */
  take(partition: number): void {
    this.#waiting[partition]! -= 1;
    if (this.#partitions === 1) {
      this.#length += 1;
      return;
    }
    const place = this.#places[0]!;
    this.#given[partition]! -= 1;
    place.writes -= 1;
    if (place.writes === 0) this.#places.shift();
  }
}
