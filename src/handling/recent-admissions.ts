import type { RecentTakes } from '#cache/cooldowns.ts';
import type { Db } from '#history/db.ts';
import type { LogReader } from '#log/log-reader.ts';
import type { Domain } from './domain.ts';

/** Events looked through before other work has its turn: some milliseconds. */
const EVENTS_A_TURN = 8192;

export type RecentAdmissionsParts = {
  readonly domains: readonly Domain[];
  readonly reader: LogReader;
  readonly headOffset: () => number;
  readonly db: () => Db;
  /** ms since 1970. */
  readonly clock: () => number;
};

/** What was admitted in the last seconds of the log: it still counts after a start, and after a cache was lost. */
export function recentAdmissions({ domains, reader, headOffset, db, clock }: RecentAdmissionsParts): RecentTakes {
  const declared = domains.flatMap(({ admissions }) => admissions ?? []);
  const windowMs = () => Math.max(0, ...declared.map(({ windowSeconds }) => windowSeconds(db()))) * 1000;
  return {
    windowMs,
    tell: (after, mark) => {
      const head = headOffset();
      const window = after === null ? windowMs() : null;
      const from = after ?? (window === 0 ? head : reader.offsetAtTime(clock() - (window ?? 0), head));
      const to = Math.min(head, from + EVENTS_A_TURN);
      reader.visit(from, to, (event) => {
        for (const { keyOf } of declared) {
          const key = keyOf(event);
          if (key !== null) mark(key, event.at);
        }
      });
      return { to, more: to < head };
    },
  };
}
