import { readFileSync } from 'node:fs';
import type { Projections } from '#history/db.ts';
import { openProjections } from '#history/folding/projections.ts';
import { domains } from '#src/domains.ts';
import { logDir } from '../replay/build-log.ts';

const FOLDED_WITHIN_MS = 3 * 3_600_000;
const SAMPLE_INTERVAL_MS = 50;

/** All projections of the log in a folder, which ends at `offset`, folded on the fold's own thread. */
export async function openFolded(dir: string, offset: number): Promise<Projections> {
  const projections = await openProjections({
    dir,
    logDir: logDir(dir),
    projectorUrl: new URL('../../src/projector.ts', import.meta.url),
    definitions: domains.flatMap((domain) => domain.projections),
    synced: offset,
  });
  await projections.waitFor(offset, FOLDED_WITHIN_MS);
  return projections;
}

/** This process's anonymous resident memory, sampled until `stop`, which gives the peak in MiB. */
export function watchMemory(): { stop(): number } {
  let peakMiB = 0;
  const sample = () => {
    const match = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
    peakMiB = Math.max(peakMiB, Number(match?.[1] ?? 0) / 1024);
  };
  const sampling = setInterval(sample, SAMPLE_INTERVAL_MS);
  return {
    stop() {
      clearInterval(sampling);
      sample();
      return peakMiB;
    },
  };
}
