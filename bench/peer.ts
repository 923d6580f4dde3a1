import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { program, type Row } from './load/program.ts';
import { installDebianPackage, installPackages } from './peer/install.ts';
import { postgresqlFolder } from './peer/postgresql-server.ts';
import type { Outcome, Workload } from './peer/workload.ts';

const SUBJECT = fileURLToPath(new URL('./peer/subject.ts', import.meta.url));
const CALLERS = 64;
const STREAMS = [10_000, 1];
const RATIO_GOAL = 20;

/** Who is measured, and what has to be there first. */
const SUBJECTS: { readonly [name: string]: () => void } = {
  strata: () => undefined,
  postgresql: () => {
    if (postgresqlFolder() === null) installDebianPackage('postgresql');
    installPackages('postgresql');
  },
  sqlite: () => installPackages('sqlite'),
};

await program({
  file: 'bench/peer.ts',
  seconds: 10,
  about: `Appends of one event with an expected revision and a projection brought up to date, each answered when durable, by
${CALLERS} callers over ${STREAMS.map((streams) => streams.toLocaleString('en')).join(' streams and over ')}: Strata (bus, embedded log, projections) and Emmett, with its PostgreSQL store
(64 connections over a local socket to a server that this program starts) and its SQLite store (one caller). All in
process, each in one of its own. Rates count until the last append is projected. Goal: ${RATIO_GOAL} times the better one.
The first run installs what is compared with: PostgreSQL from Debian, Emmett beside this program.`,
  run: ({ seconds }) => measure(seconds),
});

async function measure(seconds: number): Promise<Row[]> {
  const rows: Row[] = [];
  for (const streams of STREAMS) {
    const outcomes: Outcome[] = [];
    for (const [name, prepare] of Object.entries(SUBJECTS)) {
      try {
        prepare();
        outcomes.push(await measureSubject(name, { streams, callers: CALLERS, seconds }));
      } catch (error) {
        if (name === 'strata') throw error;
        console.error(`${name} is left out: ${error instanceof Error ? error.message : error}`);
      }
    }
    const [strata, ...others] = outcomes;
    const best = Math.max(...others.map(({ perSecond }) => perSecond));
    for (const { subject, callers, perSecond } of outcomes) {
      const ours = subject === strata?.subject;
      rows.push({
        streams,
        subject,
        callers,
        'appends/s': perSecond,
        'times the better': ours && others.length > 0 ? perSecond / best : null,
        goal: ours ? RATIO_GOAL : null,
      });
    }
  }
  return rows;
}

async function measureSubject(name: string, workload: Workload): Promise<Outcome> {
  const args = ['--disable-warning=ExperimentalWarning', SUBJECT, name, JSON.stringify(workload)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Outcome;
}
