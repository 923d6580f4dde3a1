import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errors } from '../../errors.ts';
import { GROUP_HEADER_BYTES, isGroupValid, nextGroupAt, readGroupHeader, SEGMENT_HEADER_BYTES } from './format.ts';
import type { Segment } from './segment-list.ts';

/** The last segment after a look at all of its groups. */
export type Tail = {
  /** The last offset that counts. */
  readonly lastOffset: number;
  /** How many bytes of the segment count. */
  readonly validBytes: number;
  /** Bytes after them that were cut off; 0 after a clean close. */
  readonly cutBytes: number;
};

/**
 * Verifies the log's last segment. Damage that a valid group follows is corruption, because a group is written only when
 * the one before it was synced; damage after the last valid group is a torn tail, which was never acknowledged: it is
 * copied to `cut-<position>.bytes` and must be cut off by the caller.
 *
 * @throws log.corrupt, naming the position.
 */
export function recoverTail(dir: string, segment: Segment): Tail {
  const bytes = readFileSync(segment.path);
  let lastOffset = segment.header.firstOffset - 1;
  let at = SEGMENT_HEADER_BYTES;
  for (;;) {
    const header = readGroupHeader(bytes, at);
    if (header === null || !isGroupValid(bytes, at, header)) break;
    if (header.firstOffset !== lastOffset + 1) throw corrupt(segment, lastOffset + 1, at);
    lastOffset += header.events;
    at += GROUP_HEADER_BYTES + header.bodyBytes;
  }
  for (let later = nextGroupAt(bytes, at + 1); later !== -1; later = nextGroupAt(bytes, later + 1)) {
    const header = readGroupHeader(bytes, later);
    // A group of an earlier life of the same disk blocks would have another offset.
    if (header !== null && isGroupValid(bytes, later, header) && header.firstOffset > lastOffset) {
      throw corrupt(segment, lastOffset + 1, at);
    }
  }
  const cut = bytes.subarray(at);
  if (cut.length > 0) writeFileSync(join(dir, `cut-${lastOffset + 1}.bytes`), cut, { mode: 0o600, flush: true });
  return { lastOffset, validBytes: at, cutBytes: cut.length };
}

function corrupt(segment: Segment, offset: number, at: number) {
  return errors.error(
    'log.corrupt',
    `at position ${offset}: damage in ${segment.path} at byte ${at}, before events that are whole; restore the file from a copy`,
  );
}
