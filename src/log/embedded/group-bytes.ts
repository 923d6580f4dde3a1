import { corrupt } from './damage.ts';
import { GROUP_HEADER_BYTES } from './group.ts';
import { GroupWalk, readAt } from './group-walk.ts';
import { SEGMENT_HEADER_BYTES } from './segment-header.ts';
import type { Segment, Segments } from './segments.ts';

const CHUNK_BYTES = 1024 * 1024;

/** Where a segment's events up to an offset end. */
export type SegmentExtent = { readonly bytes: number; readonly events: number };

/** What the segment holds of the events up to `head`; the groups after the last of them are left out. Reads it through. */
export function extentOf(segments: Segments, segment: Segment, head: number): SegmentExtent {
  if (segment.last <= head) return { bytes: segment.lengthBytes, events: segment.last - segment.first + 1 };
  const walk = walkOf(segments, segment);
  while (walk.nextOffset <= head) nextGroup(walk, segment);
  return { bytes: walk.nextPosition, events: walk.nextOffset - segment.first };
}

/**
 * The segment's first `bytes` bytes as they are on the disk, in pieces of about 1 MiB, each group verified first.
 * @throws log.corrupt
 */
export async function* verifiedSegment(segments: Segments, segment: Segment, bytes: number): AsyncGenerator<Buffer> {
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
  readAt(segment.path, header, 0);
  let [parts, size]: [Buffer[], number] = [[header], header.length];
  const walk = walkOf(segments, segment);
  while (walk.nextPosition < bytes) {
    nextGroup(walk, segment);
    // The walk's window is used again.
    parts.push(Buffer.from(walk.bytes.subarray(walk.bodyStart - GROUP_HEADER_BYTES, walk.bodyEnd)));
    size += GROUP_HEADER_BYTES + walk.header.bodyLength;
    if (size < CHUNK_BYTES) continue;
    yield Buffer.concat(parts);
    [parts, size] = [[], 0];
  }
  if (size > 0) yield Buffer.concat(parts);
}

function walkOf(segments: Segments, { path, first }: Segment): GroupWalk {
  return new GroupWalk(path, segments.seed, SEGMENT_HEADER_BYTES, first);
}

function nextGroup(walk: GroupWalk, segment: Segment): void {
  if (walk.next(segment.lengthBytes) === 'group') return;
  throw corrupt(walk.nextOffset, segment.path, walk.nextPosition, walk.damage || 'the file is cut short');
}
