import type { Readings } from '#telemetry/metrics.ts';
import type { EventLog } from './event-log.ts';
import type { LogReader } from './log-reader.ts';

/**
 * A log whose events also lie in segment files on this machine, in one order: the embedded engine itself, or another
 * engine's replica. Projections, the tree and audits read those files, on any thread, whatever the engine.
 */
export interface LocalLog extends EventLog {
  /** The folder of segment files. */
  readonly dir: string;
  /** The last offset that may be read: that of `head()`. */
  headOffset(): number;
  /** Reads on this thread, from the caches that the log has. Closing it only empties them. */
  reader(): LogReader;
  /** What the engine measures itself. */
  readonly readings?: Readings;
}
