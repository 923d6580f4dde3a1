import { setImmediate } from 'node:timers/promises';
import type { Codec } from '#events/encoding.ts';
import type { RecordedEvent } from '#events/event.ts';
import type { EventView } from '#events/event-view.ts';
import type { RecordedWrite } from '#log/event-log.ts';
import { corrupt } from './damage.ts';
import { EVENT_PREFIX_BYTES, FRAME_HEADER_BYTES, readUint32 } from './group.ts';
import { GroupWalk } from './group-walk.ts';
import { SEGMENT_HEADER_BYTES } from './segment-header.ts';
import { requireSegments } from './segments.ts';

const PARTITION = 0;

/**
 * The writes of a log's folder in (after, to], in order: each whole, its events as they were written. `to` must be synced, and
 * both must be the last offset of a write.
 * @throws log.corrupt, naming the position.
 */
export async function* readWrites(
  dir: string,
  codec: Codec,
  { after, to }: { readonly after: number; readonly to: number },
): AsyncGenerator<RecordedWrite> {
  if (to <= after) return;
  const segments = requireSegments(dir);
  const view = codec.view();
  for (let index = segments.indexOf(after + 1); index < segments.count && segments.at(index).first <= to; index += 1) {
    const { path, first, last, lengthBytes } = segments.at(index);
    const walk = new GroupWalk(path, segments.seed, SEGMENT_HEADER_BYTES, first);
    while (walk.nextOffset <= Math.min(to, last)) {
      if (walk.next(lengthBytes) !== 'group') {
        throw corrupt(walk.nextOffset, path, walk.nextPosition, walk.damage || 'the file is cut short');
      }
      if (walk.nextOffset <= after + 1) continue;
      for (const write of writesOf(walk, view)) {
        const { offset } = write[0]!;
        if (offset > after && offset <= to) yield write;
      }
      await setImmediate();
    }
  }
}

function writesOf({ bytes, header, bodyStart, bodyEnd }: GroupWalk, view: EventView): RecordedWrite[] {
  const writes: RecordedWrite[] = [];
  let [at, offset] = [bodyStart, header.first];
  while (at < bodyEnd) {
    const frameEnd = at + FRAME_HEADER_BYTES + readUint32(bytes, at);
    at += FRAME_HEADER_BYTES;
    const write: RecordedEvent[] = [];
    while (at < frameEnd) {
      const start = at + EVENT_PREFIX_BYTES;
      at = start + readUint32(bytes, at);
      write.push(view.move(bytes, start, at, PARTITION, offset).toWritten());
      offset += 1;
    }
    writes.push(write);
  }
  return writes;
}
