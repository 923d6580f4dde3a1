import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { program, type Row } from './load/program.ts';
import { barePuts } from './replay/bare-puts.ts';
import { buildLog, photos, pixels } from './replay/build-log.ts';
import type { FoldedTo } from './replay/fold-log.ts';

const PIXELS = 2_000_000;
const PHOTOS = 200_000;

await program({
  file: 'bench/replay.ts',
  seconds: 1,
  about: `Folds a log of ${PIXELS} pixels on one board, and one of ${PHOTOS} photos with as many edits, into all projections from scratch, on
the fold's own thread: reading, checksums, decoding and commits included. Beside the edits: LMDB alone putting the same bytes. Memory is
the process's anonymous resident memory at its peak. --seconds has no part in it. Goals: 1,000,000 pixels and 40,000 edits a second.`,
  run: measure,
});

async function measure(): Promise<Row[]> {
  return [...(await inFolder(replayPixels)), ...(await inFolder(replayPhotos))];
}

async function replayPixels(dir: string): Promise<Row[]> {
  const events = await buildLog(dir, pixels(PIXELS));
  const [folded] = await fold(dir, [events]);
  return [row('pixels folded', events, folded!.seconds, folded!.peakAnonymousMiB, 1_000_000)];
}

async function replayPhotos(dir: string): Promise<Row[]> {
  const events = await buildLog(dir, photos(PHOTOS));
  const [added, edited] = await fold(dir, [PHOTOS, events]);
  const bareAdds = barePuts(dir, 0, PHOTOS);
  const bareEdits = barePuts(dir, PHOTOS, events);
  return [
    row('photos added, folded', PHOTOS, added!.seconds, added!.peakAnonymousMiB, null),
    row('photos edited, folded', PHOTOS, edited!.seconds, edited!.peakAnonymousMiB, 40_000),
    row('the same adds, bare LMDB puts', PHOTOS, bareAdds, null, null),
    row('the same edits, bare LMDB puts', PHOTOS, bareEdits, null, null),
  ];
}

function row(what: string, events: number, seconds: number, peakMiB: number | null, goal: number | null): Row {
  return { what, events, seconds, 'events/s': events / seconds, goal, 'peak anonymous MiB': peakMiB };
}

async function fold(dir: string, stops: readonly number[]): Promise<FoldedTo[]> {
  const script = fileURLToPath(new URL('./replay/fold-log.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...process.execArgv,
    script,
    dir,
    ...stops.map(String),
  ]);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as FoldedTo);
}

async function inFolder(run: (dir: string) => Promise<Row[]>): Promise<Row[]> {
  const dir = mkdtempSync(join(tmpdir(), 'strata-replay-'));
  try {
    return await run(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
