import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AsOfArgument, AsOfOutcome } from './history/asof-reads.ts';
import { child, inScratchFolder } from './history/child.ts';
import { type Library, libraryEvents, photoAt } from './history/library.ts';
import { program, type Row } from './load/program.ts';
import { compare } from './load/rounds.ts';
import { StrataServer } from './load/strata-server.ts';
import { requireWrk } from './load/wrk.ts';
import { buildLog, seeded } from './replay/build-log.ts';

const CONNECTIONS = 64;
const ROUNDS = 3;
/** More than the server keeps answers of. */
const PATHS = 200_000;
const READ_GOAL = 0.5;
const HTTP_GOAL = 0.6;
const MEMORY_GOAL_MIB = 1_024;

await program({
  file: 'bench/asof.ts',
  seconds: 6,
  about: `A library of edited photos, folded by all projections in one process: documents read and decoded now and at random positions,
lists of 100 photos by tag the same way, what a version takes on disk, and the process's anonymous resident memory at its peak. Then
a server on the same data: GETs of photos over HTTP, ${CONNECTIONS} connections, now and with asOf, in turns, ${ROUNDS} rounds; the load generator shares
the machine. Goals: ${READ_GOAL} of current reads in process, ${HTTP_GOAL} over HTTP, below ${MEMORY_GOAL_MIB} MiB. The log and its projections take about 20 GB.`,
  sizes: {
    photos: { about: 'photos', normal: 1_000_000, quick: 20_000 },
    edits: { about: 'edits, of random photos', normal: 10_000_000, quick: 200_000 },
    bytes: { about: 'bytes of a document', normal: 4_096, quick: 4_096 },
    tags: { about: 'tags, of which every edited photo has one', normal: 1_000, quick: 20 },
  },
  run: ({ seconds, sizes }) =>
    inScratchFolder('asof', (dir) => {
      const { photos, edits, bytes, tags } = sizes;
      return measure(dir, { photos: photos!, edits: edits!, documentBytes: bytes!, tags: tags! }, seconds);
    }),
});

async function measure(dir: string, library: Library, seconds: number): Promise<Row[]> {
  requireWrk();
  const events = await buildLog(dir, libraryEvents(library));
  const outcome = await child<AsOfOutcome>('./asof-reads.ts', { dir, events, library } satisfies AsOfArgument);
  const { current, asOf, versionBytes, treeBytes, foldedPerSecond, peakAnonymousMiB } = outcome;
  const ratio = (now: number, then: number, goal: number | null) => ({ now, 'as of': then, ratio: then / now, goal });
  const single = (value: number, goal: number | null) => ({ now: value, 'as of': null, ratio: null, goal });
  return [
    { what: 'documents decoded a second, in process', ...ratio(current.perSecond, asOf.perSecond, READ_GOAL) },
    { what: 'GETs a second, over HTTP', ...(await compareHttp(dir, events, library, seconds)) },
    { what: 'list of 100 by tag, p50 ms', ...ratio(current.listP50Ms, asOf.listP50Ms, null) },
    { what: 'list of 100 by tag, p99 ms', ...ratio(current.listP99Ms, asOf.listP99Ms, null) },
    { what: 'bytes a version, in files', ...single(versionBytes / events, null) },
    { what: 'bytes a version, in trees', ...single(treeBytes / events, null) },
    { what: 'anonymous memory, MiB', ...single(peakAnonymousMiB, MEMORY_GOAL_MIB) },
    { what: 'events folded a second', ...single(foldedPerSecond, null) },
  ];
}

async function compareHttp(dir: string, events: number, { photos }: Library, seconds: number): Promise<Row> {
  const server = await StrataServer.start(dir);
  try {
    const random = seeded(7);
    const below = (count: number) => Math.floor(random() * count);
    const paths = Array.from({ length: PATHS }, () => `/v1/photos/${photoAt(below(photos))}`);
    const asOf = paths.map((path) => `${path}?asOf=${photos + below(events - photos)}`);
    await server.call('GET', asOf[0]!);
    writeFileSync(join(dir, 'paths'), paths.join('\n'));
    writeFileSync(join(dir, 'paths-as-of'), asOf.join('\n'));
    const side = (file: string) => ({ url: server.url, settings: { PATHS: join(dir, file), KEY: server.key } });
    const load = { script: 'random-gets.lua', connections: CONNECTIONS, seconds } as const;
    const { strata, raw, ratio } = await compare(load, side('paths-as-of'), side('paths'), ROUNDS);
    return { now: raw.perSecond, 'as of': strata.perSecond, ratio, goal: HTTP_GOAL };
  } finally {
    await server.stop();
  }
}
