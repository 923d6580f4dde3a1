import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { corrupt } from './damage.ts';
import { isLocked } from './folder-lock.ts';
import { GroupWalk } from './group-walk.ts';
import { readIndexStore } from './index-store.ts';
import { witnessAfter } from './recovery.ts';
import { SEGMENT_HEADER_BYTES } from './segment-header.ts';
import { requireSegments, type Segments } from './segments.ts';

const POLL_MS = 50;
/** The stream index, which proves what is on the disk, follows the log by a second. */
const WAIT_MS = 10_000;

export type ProvenLog = {
  readonly segments: Segments;
  /** The last offset that is known to be on the disk, or that the next start would keep. */
  readonly head: number;
};

/**
 * How far the log in a folder has come, told beside the process that may be writing it, without its lock and without
 * asking it: what stands in the log is told by its groups, and that it was synced by later groups, end marks and the
 * stream index's checkpoint. What was acknowledged before the call is included. Waits for the proof for some seconds; then
 * what is proven is told, which under a load that never ends is less than a second old.
 *
 * @throws log.corrupt where something proves that more was on the disk than can be read.
 */
export async function provenLog(dir: string): Promise<ProvenLog> {
  const segments = requireSegments(dir);
  const deadlineMs = performance.now() + WAIT_MS;
  let end = new LastSegment(segments);
  let wanted = Number.MAX_SAFE_INTEGER;
  for (;;) {
    // Asked before the segments are read: a writer that ended meanwhile has written what it will.
    const isOwned = isLocked(dir);
    const known = await indexedTo(dir, segments);
    segments.refresh();
    if (end.path !== segments.last.path) end = new LastSegment(segments);
    end.readOn();
    const { written } = end;
    const proven = Math.max(known, end.proven);
    // A writer that failed begins a new segment before what it could not sync.
    wanted = Math.min(wanted, written);
    if (!isOwned && known <= written) {
      end.requireTornAtMost(segments.seed);
      return { segments, head: written };
    }
    if (proven >= wanted && proven <= written) return { segments, head: proven };
    if (performance.now() > deadlineMs || !isOwned) {
      if (proven <= written) return { segments, head: proven };
      throw corrupt(written + 1, end.path, end.position, `${end.damage}, though it was on the disk`);
    }
    await setTimeout(POLL_MS);
  }
}

/** Up to where the stream index knows that the log is on the disk; 0 where it knows nothing. */
export async function indexedTo(dir: string, { header }: Segments): Promise<number> {
  const store = readIndexStore(join(dir, 'index'));
  try {
    const checkpoint = store?.checkpoint ?? null;
    const isThisLogs = checkpoint?.logId === header.logId && checkpoint.epoch === header.epoch;
    return isThisLogs ? checkpoint.offset : 0;
  } finally {
    await store?.close();
  }
}

/** The last segment of a log that grows, read on from where the reading stopped. */
class LastSegment {
  readonly #walk: GroupWalk;
  readonly #first: number;
  #synced: number;

  constructor(segments: Segments) {
    const { path, first } = segments.last;
    this.#walk = new GroupWalk(path, segments.seed, SEGMENT_HEADER_BYTES, first);
    this.#first = first;
    this.#synced = first - 1;
  }

  get path(): string {
    return this.#walk.path;
  }

  get position(): number {
    return this.#walk.nextPosition;
  }

  get damage(): string {
    return this.#walk.damage || 'the file is cut short';
  }

  /** @throws log.corrupt where what was written later proves that damaged bytes had been on the disk */
  requireTornAtMost(seed: number): void {
    if (statSync(this.path).size === this.position) return;
    const witness = witnessAfter(this, seed, this.position, this.written + 1);
    if (witness === null) return;
    throw corrupt(
      this.written + 1,
      this.path,
      this.position,
      `${this.damage}, though ${witness} says that it was on the disk`,
    );
  }

  get written(): number {
    return this.#walk.nextOffset - 1;
  }

  /** A segment begins once the one before it is synced. */
  get proven(): number {
    return Math.max(this.#first - 1, this.#synced);
  }

  readOn(): void {
    const walk = this.#walk;
    walk.forgetAhead();
    while (walk.next() === 'group') {
      const { isEndMark, synced, first } = walk.header;
      this.#synced = Math.max(this.#synced, synced, isEndMark ? first - 1 : 0);
    }
  }
}
