import { openEmbeddedLog } from '#log/embedded/embedded-log.ts';
import { hashOf, note, sampleCodec } from '../conformance/sample-events.ts';

// The program that `log-kill.test.ts` kills: appends from many callers at once, and tells what is acknowledged.

const CALLERS = 16;
const STREAMS = 5;
const [dir = '', life = ''] = process.argv.slice(2);

/** What the writer tells of each acknowledged write. */
export type Acknowledged = { readonly stream: string; readonly texts: readonly string[]; readonly offset: number };

const log = await openEmbeddedLog({
  dir,
  codec: sampleCodec,
  durability: 'fsync',
  segmentBytesMax: 64 * 1024,
  indexIntervalMs: 20,
});
process.on('disconnect', () => process.exit());
process.send?.('open');
await Promise.all(
  Array.from({ length: CALLERS }, async (_, caller) => {
    for (let count = 0; ; count += 1) {
      const stream = `s-${(caller + count) % STREAMS}`;
      const size = 1 + (count % 3);
      const texts = Array.from(
        { length: size },
        (_, at) => `${life}.${caller}.${count}.${at}/${size}.${'x'.repeat(count % 400)}`,
      );
      const keyMark = { key: hashOf(texts[0]!), body: hashOf('body') };
      const events = texts.map((text) => note(text, { keyMark }));
      const [result] = await log.append([{ stream, expected: 'any', events }]);
      if (!result?.ok) throw result?.error;
      process.send?.({ stream, texts, offset: result.events[0]!.offset } satisfies Acknowledged);
    }
  }),
);
