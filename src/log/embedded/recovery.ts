import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { corrupt } from './damage.ts';
import type { Disk } from './disk.ts';
import { GROUP_HEADER_BYTES, GROUP_MAGIC, GroupHeader } from './group.ts';
import { GroupWalk, readAt } from './group-walk.ts';
import { createSegment } from './segment-file.ts';
import { SEGMENT_HEADER_BYTES } from './segment-header.ts';
import { SegmentMap } from './segment-map.ts';
import { requireSegments, type Segment, Segments } from './segments.ts';
import { writeAgain } from './write-again.ts';

const COPIED_BYTES_MAX = 1024 * 1024;

export type Recovery = {
  readonly dir: string;
  readonly disk: Disk;
  readonly clock: () => number;
  readonly report: (message: string) => void;
  /** What a new log is called. */
  readonly identity?: { readonly id: string; readonly epoch: number };
};

/** The folder's segments; in an empty folder, the first one of a new log. */
export async function findSegments({ dir, disk, clock, identity }: Recovery): Promise<Segments> {
  for (const name of readdirSync(dir)) {
    // Left by a crash between making a segment and naming it.
    if (name.endsWith('.seg.tmp')) await disk.remove(join(dir, name));
  }
  const found = Segments.open(dir);
  if (found !== null) {
    // Whoever began the last segment may have ended before its name was on the disk.
    await disk.syncFolder(dir);
    return found;
  }
  const { id: logId, epoch } = identity ?? { id: randomBytes(16).toString('hex'), epoch: 1 };
  const header = { logId, epoch, number: 1, first: 1, previousLength: 0, createdAt: clock() };
  await (await createSegment(disk, dir, header, false)).close();
  // The folder may be new too.
  await disk.syncFolder(dirname(dir));
  return requireSegments(dir);
}

/** Where the log goes on. */
export type Recovered = {
  /** The last event's offset; everything up to it is on the disk itself. */
  readonly head: number;
  /** True after a clean close that nothing was written after. */
  readonly endsWithMark: boolean;
};

/**
 * Checks the last segment, and makes what it holds durable. Damage that something written later proves to have been synced
 * is corruption; else it is a torn tail, which no one was told of: it is moved away. `knownSynced` is an offset that the
 * log is known to have been synced up to, from elsewhere.
 *
 * @throws log.corrupt, naming the position.
 */
export async function recoverLastSegment(
  segments: Segments,
  knownSynced: number,
  recovery: Recovery,
): Promise<Recovered> {
  const segment = segments.last;
  const { path } = segment;
  const map = new SegmentMap(segment.first);
  const walk = new GroupWalk(path, segments.seed, SEGMENT_HEADER_BYTES, segment.first);
  let synced = segment.first - 1;
  let endsWithMark = false;
  let lastGroup = SEGMENT_HEADER_BYTES;
  let outcome = walk.next();
  for (; outcome === 'group'; outcome = walk.next()) {
    const { header, position } = walk;
    map.add(header.first, header.count, position, GROUP_HEADER_BYTES + header.bodyLength, header.recordedAt);
    synced = Math.max(synced, header.synced);
    endsWithMark = header.isEndMark;
    lastGroup = position;
  }
  segment.map = map;
  const head = map.nextOffset - 1;
  if (outcome === 'damaged') {
    const offset = map.nextOffset;
    const witness = offset <= knownSynced ? 'the index' : witnessAfter(segment, segments.seed, map.end, offset);
    if (witness !== null) {
      throw corrupt(offset, path, map.end, `${walk.damage}, though ${witness} says that it was on the disk`);
    }
    await cutTail(segment, map.end, head, walk.damage, recovery);
    endsWithMark = false;
  }
  // What says that an end mark is on the disk itself comes after it, and what is written next rests on it.
  if (synced < head || endsWithMark) {
    const from = synced < head ? map.entry(map.entryOf(synced + 1)).position : lastGroup;
    const file = await recovery.disk.open(path, false);
    try {
      await writeAgain(path, file, from, map.end);
    } finally {
      await file.close();
    }
  }
  return { head, endsWithMark };
}

/** A valid header after the damage that says the damaged event was synced when it was written. */
export function witnessAfter(
  { path }: Pick<Segment, 'path'>,
  seed: number,
  from: number,
  offset: number,
): string | null {
  const { size } = statSync(path);
  const bytes = Buffer.allocUnsafeSlow(size - from);
  const length = readAt(path, bytes, from);
  const header = new GroupHeader();
  for (let at = bytes.indexOf(GROUP_MAGIC, 1); at !== -1; at = bytes.indexOf(GROUP_MAGIC, at + 1)) {
    if (at + GROUP_HEADER_BYTES > length) return null;
    if (header.read(bytes, at, seed) && header.synced >= offset) return `what was written later (byte ${from + at})`;
  }
  return null;
}

/** Moves what follows `from` into a file of its own, synced before the segment is cut. */
async function cutTail(
  { path }: Segment,
  from: number,
  head: number,
  damage: string,
  { dir, disk, report }: Recovery,
): Promise<void> {
  const name = cutName(dir, head);
  const { size } = statSync(path);
  const cut = await disk.create(join(dir, name), false);
  try {
    for (let position = from; position < size; position += COPIED_BYTES_MAX) {
      const bytes = Buffer.allocUnsafe(Math.min(COPIED_BYTES_MAX, size - position));
      await cut.write(bytes.subarray(0, readAt(path, bytes, position)), position - from);
    }
    await cut.sync();
  } finally {
    await cut.close();
  }
  await disk.syncFolder(dir);
  const file = await disk.open(path, false);
  try {
    await file.truncate(from);
    await file.sync();
  } finally {
    await file.close();
  }
  report(
    `the log's last write was cut off before it was acknowledged (${damage}): ${size - from} bytes after position ` +
      `${head} were moved to ${name}`,
  );
}

function cutName(dir: string, position: number): string {
  let name = `cut-${position}.bytes`;
  for (let again = 2; existsSync(join(dir, name)); again += 1) name = `cut-${position}-${again}.bytes`;
  return name;
}
