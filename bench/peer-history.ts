import { child } from './history/child.ts';
import type { PeerOutcome, PeerWorkload } from './history/peer-workload.ts';
import { program, type Row } from './load/program.ts';
import { installDebianPackage } from './peer/install.ts';
import { postgresqlFolder } from './peer/postgresql-server.ts';

/** Who is measured, and what has to be there first. */
const SUBJECTS: { readonly [file: string]: () => void } = {
  './peer-strata.ts': () => undefined,
  './peer-sqlite.ts': () => undefined,
  './peer-postgresql.ts': () => {
    if (postgresqlFolder() === null) installDebianPackage('postgresql');
  },
};

const CALLERS = 64;
const CHANGES = 10_000;

/** What is told, and how often or how many times as fast as the other Strata is to be. */
const MEASURES: readonly Measure[] = [
  { what: 'current reads/s', of: ({ currentReadsPerSecond }) => currentReadsPerSecond, goal: null },
  { what: 'as-of reads/s', of: ({ asOfReadsPerSecond }) => asOfReadsPerSecond, goal: 3 },
  { what: 'as-of lists of 100 by tag/s', of: ({ asOfListsPerSecond }) => asOfListsPerSecond, goal: 3 },
  { what: 'diff, keys: ms', of: ({ diffKeysMs }) => diffKeysMs, goal: 1, isTime: true },
  { what: 'diff, documents: ms', of: ({ diffDocumentsMs }) => diffDocumentsMs, goal: 1, isTime: true },
  { what: 'durable edits/s', of: ({ editsPerSecond }) => editsPerSecond, goal: 10, isAgainstAll: true },
];

type Measure = {
  readonly what: string;
  readonly of: (outcome: PeerOutcome) => number;
  readonly goal: number | null;
  readonly isTime?: boolean;
  /** Against the better of the others; else against SQLite, which is in process as well. */
  readonly isAgainstAll?: boolean;
};

await program({
  file: 'bench/peer-history.ts',
  seconds: 5,
  about: `A library of photos and its past, in Strata (all its projections) and in the temporal table that one writes by hand (valid_from,
valid_to, indexes), in SQLite in process and in PostgreSQL on a local socket, asked by its own pgbench. One caller reads documents, and
lists of 100 photos by tag, now and at random positions; the diff of the last ${CHANGES.toLocaleString('en')} edits, keys alone and with both documents; edits,
each answered when durable, from ${CALLERS} callers. Documents are given as they are stored. Each in a process of its own. Goals are against
SQLite, for edits against the better one. The first run installs PostgreSQL from Debian, where it is root.`,
  sizes: {
    photos: { about: 'photos', normal: 100_000, quick: 10_000 },
    edits: { about: 'edits, of random photos', normal: 1_000_000, quick: 50_000 },
    bytes: { about: 'bytes of a document', normal: 1_024, quick: 1_024 },
    tags: { about: 'tags, of which every edited photo has one', normal: 200, quick: 20 },
  },
  run: async ({ seconds, sizes }) => {
    const library = {
      photos: sizes.photos!,
      edits: sizes.edits!,
      documentBytes: sizes.bytes!,
      tags: sizes.tags!,
    };
    const changes = Math.min(CHANGES, library.edits);
    return await measure({ library, seconds, callers: CALLERS, changes });
  },
});

async function measure(workload: PeerWorkload): Promise<Row[]> {
  const outcomes: PeerOutcome[] = [];
  for (const [file, prepare] of Object.entries(SUBJECTS)) {
    try {
      prepare();
      outcomes.push(await child<PeerOutcome>(file, workload));
    } catch (error) {
      if (outcomes.length === 0) throw error;
      console.error(`${file} is left out: ${error instanceof Error ? error.message : error}`);
    }
  }
  return MEASURES.map((each) => row(each, outcomes));
}

function row({ what, of, goal, isTime = false, isAgainstAll = false }: Measure, outcomes: readonly PeerOutcome[]): Row {
  const [ours, ...others] = outcomes;
  const compared = (isAgainstAll ? others : others.slice(0, 1)).map(of);
  const best = isTime ? Math.min(...compared) : Math.max(...compared);
  const times = isTime ? best / of(ours!) : of(ours!) / best;
  const cells = Object.fromEntries(outcomes.map((outcome) => [outcome.subject, of(outcome)]));
  return { what, ...cells, times: compared.length > 0 ? times : null, goal };
}
