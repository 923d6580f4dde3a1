import { describe, onTestFinished, test } from 'vitest';
import type { EventLog } from '#log/event-log.ts';
import { appending } from './log/appending.ts';
import { lifecycle } from './log/lifecycle.ts';
import { modelled } from './log/modelled.ts';
import { readingAll } from './log/reading-all.ts';
import { readingStreams } from './log/reading-streams.ts';
import { subscribing } from './log/subscribing.ts';
import { SAMPLE_AT_MS } from './sample-events.ts';

/** A log that can be closed and opened again. */
export type Store = { open(): Promise<EventLog> };

export type Skip = { readonly reason: string; readonly tests: readonly string[] };

export type Engine = {
  /** A store with an empty log, gone when the test ends. `clock` is what `recordedAt` is taken from, ms since 1970. */
  readonly create: (clock: () => number) => Promise<Store>;
  /** What the engine does not promise, and why. */
  readonly skip: readonly Skip[];
};

/** One log under test. */
export type Subject = {
  readonly log: EventLog;
  /** What the log's clock shows. */
  readonly clock: { nowMs: number };
  /** Closes the log and opens it again. */
  readonly reopen: () => Promise<EventLog>;
};

/** Declares a test of the port. */
export type Declare = (name: string, body: (subject: Subject) => Promise<void>) => void;

/** What `EventLog` promises, as tests that every engine runs; each test has a new log. */
export function eventLogSuite(engineName: string, { create, skip }: Engine): void {
  const reasons = new Map(skip.flatMap(({ reason, tests }) => tests.map((name) => [name, reason] as const)));
  const declared = new Set<string>();

  const declare: Declare = (name, body) => {
    declared.add(name);
    const reason = reasons.get(name);
    test.skipIf(reason !== undefined)(reason === undefined ? name : `${name} (skipped: ${reason})`, async () => {
      const clock = { nowMs: SAMPLE_AT_MS };
      const store = await create(() => clock.nowMs);
      let current = await store.open();
      onTestFinished(() => current.close());
      const reopen = async () => {
        await current.close();
        current = await store.open();
        return current;
      };
      await body({ log: current, clock, reopen });
    });
  };

  describe(`${engineName} keeps the event log's contract`, () => {
    for (const declareAll of [appending, readingStreams, readingAll, subscribing, lifecycle, modelled])
      declareAll(declare);
    const unknown = [...reasons.keys()].filter((name) => !declared.has(name));
    if (unknown.length > 0) throw new Error(`there are no such tests to skip: ${unknown.join(', ')}`);
  });
}
