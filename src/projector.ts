import { createCodec } from '#events/encoding.ts';
import { runFoldThread } from '#history/folding/fold-thread.ts';
import { openLogReader } from '#log/embedded/log-reader.ts';
import { domains } from './domains.ts';

/** The entry of the fold thread: all domains' projections, over the embedded log. */
const events = domains.flatMap((domain) => domain.events);

await runFoldThread({
  definitions: domains.flatMap((domain) => domain.projections),
  eventTypes: events.map(({ type }) => type),
  openLog: (logDir) => openLogReader(logDir, createCodec(events)),
});
