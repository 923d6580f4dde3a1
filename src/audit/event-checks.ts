import { setImmediate } from 'node:timers/promises';
import type { RecordedEvent } from '#events/event.ts';
import type { Domain } from '#handling/domain.ts';
import { type BlobUseFold, counted, type InvariantFold } from '#handling/invariant.ts';
import type { LogReader } from '#log/log-reader.ts';
import { isStrataError } from '../errors.ts';
import { type Check, Findings } from './report.ts';

/** The name of the first check, which all others rest on. */
export const LOG_IS_READABLE = 'the log can be read, and every checksum fits';

const EVENTS_AT_ONCE = 65_536;

export type EventChecks = {
  readonly checks: readonly Check[];
  /** What the domains' events rest on; `null` where the log could not be read to its end. */
  readonly blobs: readonly BlobUseFold[] | null;
};

type Running = { readonly name: string; readonly fold: InvariantFold; readonly findings: Findings };

/** Reads the whole log once, every group's checksum with it, for the invariants of all domains and the blobs they need. */
export async function checkEvents(
  log: LogReader,
  to: number,
  domains: readonly Domain[],
  onProgress: (done: number) => void,
): Promise<EventChecks> {
  const audits = domains.flatMap(({ audit }) => (audit === undefined ? [] : [audit]));
  const known = new Set(domains.flatMap(({ events }) => events.map(({ type }) => type)));
  const visitors = new Map<string, ((event: RecordedEvent) => void)[]>([...known].map((type) => [type, []]));
  const follow = (types: readonly string[], visit: (event: RecordedEvent) => void) => {
    for (const type of types) visitors.get(type)?.push(visit);
  };
  const running = audits
    .flatMap(({ invariants }) => invariants)
    .map(({ name, types, begin }): Running => {
      const check = { name, fold: begin(), findings: new Findings() };
      follow(types, (event) => {
        const broken = check.fold.visit(event);
        if (broken !== null) check.findings.add(`at ${event.offset}: ${broken}`);
      });
      return check;
    });
  const blobs = audits.flatMap(({ blobs }) => {
    const fold = blobs?.begin();
    if (blobs === undefined || fold === undefined) return [];
    follow(blobs.types, (event) => fold.visit(event));
    return [fold];
  });

  const reading = new Findings();
  let done = 0;
  const visit = (event: RecordedEvent): void => {
    const own = visitors.get(event.type);
    if (own === undefined) reading.add(`at ${event.offset}: no domain knows the event ${event.type}`);
    else for (const each of own) each(event);
    done = event.offset;
  };
  try {
    while (done < to) {
      log.visit(done, Math.min(to, done + EVENTS_AT_ONCE), visit);
      onProgress(done);
      await setImmediate();
    }
  } catch (error) {
    if (!isStrataError(error)) throw error;
    reading.add(`after ${done}: ${error.message} (${error.code})`);
  }
  return {
    checks: [
      reading.check(LOG_IS_READABLE, counted(done, 'event')),
      ...running.map(({ name, fold, findings }) => findings.check(name, fold.summary())),
    ],
    blobs: done === to ? blobs : null,
  };
}
