import { expect, onTestFinished } from 'vitest';
import type { RecordedEvent } from '#events/event.ts';
import type { EventLog } from '#log/event-log.ts';
import { type EventStoreLogOptions, openEventStoreLog } from '#log/eventstore/eventstore-log.ts';
import type { LocalLog } from '#log/local-log.ts';
import { everything, expectWellFormed } from '#test/conformance/log/results.ts';
import { tempFolder } from '#test/conformance/open-log.ts';
import { sampleCodec } from '#test/conformance/sample-events.ts';
import { type DoubleOptions, EventStoreDouble } from '#test/eventstore-double/eventstore-double.ts';

/** A running double that is gone when the test ends. */
export async function startDouble(options: DoubleOptions = {}): Promise<EventStoreDouble> {
  const double = await EventStoreDouble.start(options);
  onTestFinished(() => double.stop());
  return double;
}

/** A member's log for the sample events, with a replica of its own unless told. Closed when the test ends. */
export async function openMember(url: string, options: Partial<EventStoreLogOptions> = {}): Promise<LocalLog> {
  const log = await openEventStoreLog({ url, dir: tempFolder(), codec: sampleCodec, create: true, ...options });
  onTestFinished(() => log.close());
  return log;
}

/** Resolves when the log has as many events. */
export async function hasEvents(log: LocalLog, count: number): Promise<RecordedEvent[]> {
  if (log.headOffset() < count) {
    for await (const { to } of log.subscribe({ epoch: log.epoch, offsets: [log.headOffset()] })) if (to >= count) break;
  }
  return everything(log);
}

/** What any log on the double has: all that the server has of it, in the order of `$all`, each event once. */
export async function expectSameAsServer(
  log: EventLog & LocalLog,
  double: EventStoreDouble,
  prefix = 'strata.',
): Promise<void> {
  const stored = double.file.events.filter(({ stream }) => stream.startsWith(prefix) && stream !== `${prefix}log`);
  const events = await hasEvents(log, stored.length);
  expectWellFormed(events);
  const kept = events.map(({ id, stream, revision, type, data }) => ({ id, stream, revision, type, data }));
  expect(kept).toEqual(
    stored.map(({ id, stream, revision, type, data }) => ({
      id: id.replaceAll('-', ''),
      stream: stream.slice(prefix.length),
      revision,
      type,
      data: JSON.parse(Buffer.from(data).toString()),
    })),
  );
}
