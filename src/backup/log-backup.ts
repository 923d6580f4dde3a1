import { extentOf, verifiedSegment } from '#log/embedded/group-bytes.ts';
import { encodeSegmentHeader } from '#log/embedded/segment-header.ts';
import type { Segment, Segments } from '#log/embedded/segments.ts';
import { errors } from '../errors.ts';
import { HashedBytes } from './hashed-bytes.ts';
import type { SegmentRecord } from './manifest.ts';
import type { BackupTarget } from './target.ts';

export type LogBackup = {
  readonly segments: Segments;
  readonly head: number;
  readonly target: BackupTarget;
  /** What an earlier backup of the same log and epoch holds. */
  readonly known: readonly SegmentRecord[];
  /** Told of every piece that is dealt with. */
  readonly onBytes: (bytes: number) => void;
  /** Told of every segment: copied with so many bytes, or there already. */
  readonly onSegment: (copiedBytes: number | null) => void;
};

/**
 * Copies the segments up to the head: those that are full once, by number and length; the last one as far as the head, every
 * time that it has grown. Nothing that an earlier manifest names is written over.
 *
 * @throws backup.other-log, log.corrupt.
 */
export async function backUpSegments(backup: LogBackup): Promise<SegmentRecord[]> {
  const { segments, head } = backup;
  const records: SegmentRecord[] = [];
  for (let index = 0; index < segments.count; index += 1) {
    const segment = segments.at(index);
    if (index > 0 && segment.first > head) break;
    records.push(await backUpSegment(backup, segment));
  }
  return records;
}

async function backUpSegment(backup: LogBackup, segment: Segment): Promise<SegmentRecord> {
  const { segments, head, target, known, onBytes, onSegment } = backup;
  const { number, first } = segment.header;
  const header = encodeSegmentHeader(segment.header).toString('hex');
  const earlier = known.find((record) => record.number === number);
  if (earlier !== undefined && earlier.header !== header) {
    const what = `segment ${number} is another one than in ${target.url}`;
    throw errors.error(
      'backup.other-log',
      `${what}: two logs grew out of one restored backup, and each needs its own target`,
    );
  }
  const { bytes, events } = extentOf(segments, segment, head);
  if (earlier !== undefined && earlier.bytes === bytes && (await target.size(earlier.file)) === bytes) {
    onBytes(bytes);
    onSegment(null);
    return earlier;
  }
  const file = `segments/e${segment.header.epoch}-${String(number).padStart(8, '0')}-${bytes}.seg`;
  const hashed = new HashedBytes(counted(verifiedSegment(segments, segment, bytes), onBytes));
  await target.put(file, hashed, bytes);
  onSegment(bytes);
  return { file, bytes, sha256: hashed.sha256(), number, first, events, header };
}

async function* counted(source: AsyncIterable<Buffer>, onBytes: LogBackup['onBytes']): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    yield chunk;
    onBytes(chunk.length);
  }
}
