import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { inScratchFolder } from './history/child.ts';
import { openFolded } from './history/folded.ts';
import { boardEvents, readPlacements } from './history/placements.ts';
import { percentile } from './history/rates.ts';
import { program, type Row } from './load/program.ts';
import { BOARD_SIDE, buildLog, seeded } from './replay/build-log.ts';

const WARM_UP_READS = 50;
const P99_GOAL_MS = 8;
const BYTES_GOAL = 20;

await program({
  file: 'bench/board-asof.ts',
  seconds: 1,
  about: `A board of ${BOARD_SIDE} x ${BOARD_SIDE}, folded by all projections in this process: the whole board now and at random positions, one place
at random positions, and what a change takes on disk. --seconds has no part in it. Goals: 99 of 100 past boards within ${P99_GOAL_MS} ms,
${BYTES_GOAL} bytes a change. The log and its projections take about 2 GB.`,
  sizes: {
    placements: { about: 'placements', normal: 16_500_000, quick: 500_000 },
    reads: { about: 'random positions', normal: 1_000, quick: 200 },
  },
  files: { diff: 'a data set of r/place to loop, with noise: place2017-diff.dat; noise with hot spots unless told' },
  run: ({ sizes, files }) =>
    inScratchFolder('board-asof', (dir) => measure(dir, sizes.placements!, sizes.reads!, files.diff ?? null)),
});

async function measure(dir: string, placements: number, reads: number, file: string | null): Promise<Row[]> {
  const recorded = file === null ? null : await readPlacements(file);
  const events = await buildLog(dir, boardEvents(placements, recorded));
  const startMs = performance.now();
  const projections = await openFolded(dir, events);
  const foldedPerSecond = (events / (performance.now() - startMs)) * 1000;
  try {
    const random = seeded(99);
    const below = (count: number) => Math.floor(random() * count);
    const board = (offset?: number) => projections.db(offset).raster('boards').pixels('bench', BOARD_SIDE, BOARD_SIDE);
    const place = async (offset: number) =>
      projections.db(offset).raster('boards').placement('bench', below(BOARD_SIDE), below(BOARD_SIDE));
    const current = await timed(reads, () => board());
    const past = await timed(reads, () => board(1 + below(events)));
    const placed = await timed(reads, () => place(1 + below(events)));
    const bytes = sizeBytes(join(dir, 'projections')) / placements;
    const within = (ms: number, goal: number) => (ms <= goal ? 'met' : 'missed');
    const p99 = percentile(past, 0.99);
    return [
      row('board now, ms', percentile(current, 0.5), percentile(current, 0.99), null, null),
      row('board at a random position, ms', percentile(past, 0.5), p99, P99_GOAL_MS, within(p99, P99_GOAL_MS)),
      row('place at a random position, ms', percentile(placed, 0.5), percentile(placed, 0.99), null, null),
      row('bytes a change, trees included', bytes, null, BYTES_GOAL, within(bytes, BYTES_GOAL)),
      row('placements folded a second', foldedPerSecond, null, null, null),
    ];
  } finally {
    await projections.close();
  }
}

function row(what: string, p50: number, p99: number | null, goal: number | null, outcome: string | null): Row {
  return { what, p50, p99, goal, outcome };
}

/** How long each took, in ms; the first ones, not counted, warm up. */
async function timed(reads: number, read: () => Promise<unknown>): Promise<number[]> {
  for (let at = 0; at < WARM_UP_READS; at++) await read();
  const timesMs: number[] = [];
  for (let at = 0; at < reads; at++) {
    const startMs = performance.now();
    await read();
    timesMs.push(performance.now() - startMs);
  }
  return timesMs;
}

/** Of all files below a folder, in what they take on disk: a trees file has holes. */
function sizeBytes(dir: string): number {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).blocks * 512, 0);
}
