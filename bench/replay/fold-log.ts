import { readFileSync } from 'node:fs';
import { openProjections } from '#history/folding/projections.ts';
import { domains } from '../../src/domains.ts';
import { logDir } from './build-log.ts';

/** A process of its own, so that its memory is the fold's: folds a log up to each of some offsets, and times them. */
export type FoldedTo = { readonly offset: number; readonly seconds: number; readonly peakAnonymousMiB: number };

const SAMPLE_INTERVAL_MS = 20;
const TIMEOUT_MS = 600_000;

const [dir = '', ...stops] = process.argv.slice(2);
let peakAnonymousMiB = 0;
const sampling = setInterval(sample, SAMPLE_INTERVAL_MS);
const projections = await openProjections({
  dir,
  logDir: logDir(dir),
  projectorUrl: new URL('../../src/projector.ts', import.meta.url),
  definitions: domains.flatMap((domain) => domain.projections),
  synced: 0,
});
for (const offset of stops.map(Number)) {
  const startMs = performance.now();
  projections.advance(offset);
  await projections.waitFor(offset, TIMEOUT_MS);
  sample();
  const result: FoldedTo = { offset, seconds: (performance.now() - startMs) / 1000, peakAnonymousMiB };
  console.log(JSON.stringify(result));
}
clearInterval(sampling);
await projections.close();

function sample(): void {
  const match = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  peakAnonymousMiB = Math.max(peakAnonymousMiB, Number(match?.[1] ?? 0) / 1024);
}
