import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RecordedEvent } from '#events/event.ts';
import { runFoldThread } from './fold-thread.ts';
import { MemoryLog } from './folding-fixture.ts';
import { testDefinitions } from './projections-fixture.ts';

/** A log in one file of lines, which the test appends to before it says how far the log is synced. */
class LineLog extends MemoryLog {
  readonly #path: string;

  constructor(dir: string) {
    super();
    this.#path = join(dir, 'events.jsonl');
  }

  override at(offset: number): RecordedEvent {
    if (offset > this.events.length) {
      const lines = readFileSync(this.#path, 'utf8').trim().split('\n');
      for (const line of lines.slice(this.events.length)) {
        const { type, data } = JSON.parse(line);
        this.append(type, data);
      }
    }
    return super.at(offset);
  }
}

await runFoldThread({
  definitions: testDefinitions,
  eventTypes: ['Ignored', ...testDefinitions.flatMap(({ folds }) => Object.keys(folds))],
  openLog: (logDir) => new LineLog(logDir),
});
