import type { RecordedWrite } from '#log/event-log.ts';
import { errors } from '../../errors.ts';
import type { ProposedEvent } from './append-protocol.ts';
import type { EventStoreParts } from './eventstore-log.ts';
import type { LogStream } from './log-stream.ts';
import { proposedEvents } from './stored-event.ts';

const APPEND_BYTES_MAX = 512 * 1024;
const APPEND_EVENTS_MAX = 1000;

/** Writes of one stream that follow each other, and go as one append. */
type Run = { readonly stream: string; readonly first: number; readonly events: ProposedEvent[]; sizeBytes: number };

/**
 * Takes over another log's writes, in its order: one append at a time, because the server gives appends under way at once
 * what order it likes. An import that ended early goes on after what the server has; a mark in the log's stream keeps
 * commands out until one has ended well.
 */
export async function importWrites(parts: EventStoreParts, writes: AsyncIterable<RecordedWrite>): Promise<void> {
  const { logStream, replica, catchUp } = parts;
  await catchUp();
  const next = replica.log.headOffset() + 1;
  let run: Run | null = null;
  let isFirst = true;
  for await (const write of writes) {
    const { stream, revision, offset, recordedAt } = write[0]!;
    if (isFirst) await begin(logStream, next, offset);
    isFirst = false;
    const events = proposedEvents(write, recordedAt);
    const sizeBytes = events.reduce((bytes, { data, metadata }) => bytes + data.length + metadata.length, 0);
    if (run !== null && !hasRoom(run, stream, events.length, sizeBytes)) {
      await append(parts, run);
      run = null;
    }
    run ??= { stream, first: revision, events: [], sizeBytes: 0 };
    if (revision !== run.first + run.events.length) {
      throw errors.error(
        'request.invalid',
        `${stream} goes on with revision ${run.first + run.events.length}, not ${revision}`,
      );
    }
    run.events.push(...events);
    run.sizeBytes += sizeBytes;
  }
  if (run !== null) await append(parts, run);
  // Without a write, there may be none to end.
  if (logStream.isImporting) await logStream.importEnded();
  await catchUp();
}

async function begin(logStream: LogStream, next: number, offset: number): Promise<void> {
  if (next > 1 && !logStream.isImporting) {
    throw errors.error('request.invalid', 'a log is imported into an empty one only');
  }
  if (next > 1 && offset !== next) {
    throw errors.error('request.invalid', `the import goes on with the event at ${next}, not at ${offset}`);
  }
  if (!logStream.isImporting) await logStream.importBegan();
}

function hasRoom(run: Run, stream: string, count: number, sizeBytes: number): boolean {
  return (
    run.stream === stream &&
    run.events.length + count <= APPEND_EVENTS_MAX &&
    run.sizeBytes + sizeBytes <= APPEND_BYTES_MAX
  );
}

async function append({ placing, replicator }: EventStoreParts, { stream, first, events }: Run): Promise<void> {
  // What the replica refuses ends the import.
  if (replicator.fault !== null) throw replicator.fault;
  const sent = await placing.send(stream, first === 0 ? 'none' : first - 1, events);
  if (sent.ok) return;
  if ('error' in sent) throw sent.error;
  throw errors.error(
    'stream.revision-conflict',
    `${stream} has revision ${sent.current} on the server, not ${first - 1}`,
  );
}
