import { closeSync, fdatasyncSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Syncs a log's segments for one who relies on them, where the log itself does not wait for the disk. */
export class SegmentSync {
  readonly #logDir: string;
  /** The segment that was the last one at the last sync: earlier ones do not change any more. */
  #last = '';

  constructor(logDir: string) {
    this.#logDir = logDir;
  }

  /** Returns when all that was appended before is on the disk itself. */
  sync(): void {
    const names = readdirSync(this.#logDir).filter((name) => name.endsWith('.seg') && name >= this.#last);
    for (const name of names.sort()) {
      const file = openSync(join(this.#logDir, name), 'r');
      try {
        fdatasyncSync(file);
      } finally {
        closeSync(file);
      }
      this.#last = name;
    }
  }
}
