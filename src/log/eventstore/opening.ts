import { openReplica } from '#log/replica/replica.ts';
import { EventStoreConnection } from './connection.ts';
import { WriteCheck } from './enqueued-write.ts';
import { EventStoreAppender } from './eventstore-appender.ts';
import type { EventStoreLogOptions, EventStoreParts } from './eventstore-log.ts';
import { LogStream } from './log-stream.ts';
import { Placing } from './placing.ts';
import { eventOf, lastOfAll, type Place } from './read-protocol.ts';
import { Replicator, replicatedSchema } from './replicator.ts';
import { unavailable, untilAnswered } from './retrying.ts';
import { eventStoreSettings } from './url.ts';

type OpeningOptions = EventStoreLogOptions & { readonly timeMs: number };

/** Connects, finds or makes the log, opens its replica, and copies what this lacks. */
export async function openParts(options: OpeningOptions): Promise<EventStoreParts> {
  const { dir, codec, create, identity, prepare, timeMs, report = () => undefined } = options;
  const settings = eventStoreSettings(options.url);
  const { prefix } = settings;
  const undo: (() => Promise<void>)[] = [];
  try {
    const connection = new EventStoreConnection(settings);
    undo.unshift(() => connection.close());
    const logStream = new LogStream(connection, prefix, timeMs);
    const { id, epoch } = await logStream.open(create, identity);
    const state = replicatedSchema;
    const replica = await openReplica({
      dir,
      id,
      epoch,
      source: `esdb:${prefix}`,
      codec,
      state,
      report,
      ...(prepare !== undefined && { prepare }),
    });
    undo.unshift(() => replica.close());
    const replicator = new Replicator({ connection, prefix, logStream, replica, report });
    undo.unshift(() => replicator.close());
    replicator.start();
    const catchUp = () => copyAll(options, prefix, connection, replicator, () => replica.log.headOffset());
    await catchUp();
    const placing = new Placing({ connection, replicator, replica: replica.log, prefix, timeMs });
    const check = new WriteCheck(codec, logStream.name.slice(prefix.length));
    const appender = new EventStoreAppender({ check, placing, replica: replica.log });
    return { connection, logStream, replica, replicator, placing, appender, catchUp };
  } catch (error) {
    for (const step of undo) await step();
    throw error;
  }
}

/**
 * Resolves when the replica has all that the server has now.
 * @throws engine.unavailable when for `timeMs` nothing came
 */
async function copyAll(
  { timeMs, report = () => undefined }: OpeningOptions,
  prefix: string,
  connection: EventStoreConnection,
  replicator: Replicator,
  head: () => number,
): Promise<void> {
  const end = await untilAnswered(timeMs, () => lastPlace(connection, prefix));
  if (end === null) return;
  let before = replicator.place;
  while (!(await replicator.hasPlace(end, timeMs))) {
    if (replicator.place === before) throw replicator.fault ?? unavailable(null);
    before = replicator.place;
    report(`the replica is being copied from EventStoreDB: ${head()} events so far`);
  }
}

async function lastPlace(connection: EventStoreConnection, prefix: string): Promise<Place | null> {
  for await (const messages of connection.messages(lastOfAll(prefix))) {
    for (const message of messages) {
      const event = eventOf(message);
      if (event !== null) return event.place;
    }
  }
  return null;
}
