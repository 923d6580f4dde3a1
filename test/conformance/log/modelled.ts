import { expect } from 'vitest';
import type { RecordedEvent } from '#events/event.ts';
import type { EventLog } from '#log/event-log.ts';
import { Random } from '#test/simulation/random.ts';
import type { Declare } from '../event-log.suite.ts';
import { note, notes, point } from '../sample-events.ts';
import { after, beginning, everything, expectWellFormed, inOrder } from './results.ts';

const STEPS = 60;
const STREAMS = 6;

/** Random use against a model: an array of events. */
export function modelled(declare: Declare): void {
  declare('random writes, reads and reopenings agree with a list of events', async ({ log, reopen, clock }) => {
    const random = Random.fresh();
    const events: RecordedEvent[] = [];
    let current = log;
    const steps = [
      () => writeSome(current, events, random),
      () => writeSome(current, events, random),
      () => readSome(current, events, random),
      async () => {
        clock.nowMs += random.below(3000) - 1000;
      },
      async () => {
        if (random.chance(0.3)) current = await reopen();
      },
    ];
    try {
      for (let step = 0; step < STEPS; step += 1) await random.pick(steps)();
      const all = await everything(current);
      expectWellFormed(all);
      expect(all).toEqual(events);
    } catch (error) {
      throw new Error(`seed ${random.seed}`, { cause: error });
    }
  });
}

/** Some calls at once, with right and wrong expectations. */
async function writeSome(log: EventLog, events: RecordedEvent[], random: Random): Promise<void> {
  const calls = Array.from({ length: 1 + random.below(4) }, async () => {
    const writes = Array.from({ length: 1 + random.below(4) }, () => {
      const stream = `s-${random.below(STREAMS)}`;
      const expected = random.pick(['any', 'none', log.lastRevision(stream)] as const);
      const made = Array.from({ length: 1 + random.below(3) }, () =>
        random.chance(0.5) ? point(random.below(256), random.below(256)) : note('n'.repeat(random.below(2000))),
      );
      return { ...notes(stream, []), expected: expected === -1 ? ('none' as const) : expected, events: made };
    });
    return log.append(writes);
  });
  const made: RecordedEvent[] = [];
  for (const result of (await Promise.all(calls)).flat()) {
    if (result.ok) made.push(...result.events);
    else expect(result).toMatchObject({ error: { code: 'stream.revision-conflict' } });
  }
  events.push(...inOrder(made));
}

async function readSome(log: EventLog, events: readonly RecordedEvent[], random: Random): Promise<void> {
  const backwards = random.chance(0.5);
  const stream = `s-${random.below(STREAMS)}`;
  const own = events.filter((event) => event.stream === stream);
  expect(log.lastRevision(stream)).toBe(own.length - 1);
  const from = random.below(own.length + 1);
  const to = random.chance(0.3) ? -1 : random.below(own.length + 2);
  const limit = 1 + random.below(20);
  const inRange = own.slice(from, to === -1 ? own.length : to + 1);
  const wanted = backwards ? inRange.toReversed() : inRange;
  expect(await Array.fromAsync(log.readStream(stream, { from, to, limit, backwards }))).toEqual(wanted.slice(0, limit));

  const start = random.below(events.length + 1);
  const ordered = backwards ? events.slice(start).toReversed() : events.slice(start);
  const position = start === 0 ? beginning(log) : after(log, events[start - 1]!);
  expect(await Array.fromAsync(log.readAll({ after: position, limit, backwards }))).toEqual(ordered.slice(0, limit));
}
