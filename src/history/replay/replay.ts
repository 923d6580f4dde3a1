import { mkdirSync, readdirSync } from 'node:fs';
import type { LogReader } from '#log/log-reader.ts';
import { assert } from '../../assert.ts';
import { errors } from '../../errors.ts';
import type { Db, Fingerprint } from '../db.ts';
import type { KeptFingerprints } from '../folding/checkpoint.ts';
import { FoldProgress } from '../folding/fold-progress.ts';
import { foldUpTo } from '../folding/fold-up-to.ts';
import { FoldedDb, type FoldedSource } from '../folding/folded-db.ts';
import { Folding } from '../folding/folding.ts';
import { ReadStore } from '../folding/read-store.ts';
import { type StoredProjection, StoredProjections } from '../folding/stored-projections.ts';
import type { ProjectionDefinition } from '../projection.ts';
import { collectionComparison } from './collection.ts';
import { type Comparison, firstDifference, type Parting } from './differences.ts';
import { placeName, rasterComparison } from './raster.ts';
import type { ProjectionReplay, ReplayProgress, ReplayReport, StructureReplay } from './report.ts';

export type ReplayOptions = {
  /** The data folder, of a running server or of none. */
  readonly dataDir: string;
  /** An empty folder, or one that does not exist, to fold into; the caller removes it. */
  readonly scratchDir: string;
  readonly log: LogReader;
  readonly definitions: readonly ProjectionDefinition[];
  /** Every event type that a domain knows. */
  readonly eventTypes: Iterable<string>;
  /** The offset to compare at; how far all that are compared were folded, unless told. */
  readonly to?: number;
  /** Names of projections; all unless told. */
  readonly projections?: readonly string[];
  readonly onProgress?: (progress: ReplayProgress) => void;
};

/**
 * Folds the log alone into a scratch folder, and compares what that gives with what the data folder has, document by document
 * and place by place; where they differ, finds where first. Documents that are erased by now are of no position.
 *
 * @throws history.not-yet when the projections have not been folded up to `to`; config.invalid for a folder that is not empty;
 * log.corrupt, history.unknown-event.
 */
export async function replayAndCompare(options: ReplayOptions): Promise<ReplayReport> {
  const startMs = performance.now();
  const { definitions, projections } = options;
  const asked = definitions.filter(({ name }) => projections?.includes(name) ?? true);
  const { found, to } = await withStored(options, asked, async (stored) => ({
    found: stored,
    to: options.to ?? Math.min(...stored.map(({ checkpoint }) => checkpoint.offset)),
  }));
  const missing = asked.filter(({ name }) => !found.some(({ definition }) => definition.name === name));
  const folded = Math.min(...found.map(({ checkpoint }) => checkpoint.offset));
  const offset = found.length === 0 ? 0 : to;
  if (offset > folded) throw errors.error('history.not-yet', `position ${offset} is not folded yet; ${folded} is`);
  const replayed = await replay(options, found, offset, startMs);
  try {
    // Opened again: a snapshot that is held for long makes a running server's trees grow.
    const known = found.map(({ definition }) => definition);
    const reports = await withStored(options, known, (found, stored) =>
      compared(options, { stored, found, replayed, to: offset, startMs }),
    );
    return {
      offset,
      // One that was dropped meanwhile was not compared.
      equal: missing.length === 0 && reports.length === found.length && reports.every(({ equal }) => equal),
      projections: reports,
      missing: missing.map(({ name }) => name),
      events: offset,
      seconds: (performance.now() - startMs) / 1000,
    };
  } finally {
    await replayed.close();
  }
}

/** With what the data folder has of this log. */
async function withStored<Result>(
  { dataDir, log }: ReplayOptions,
  definitions: readonly ProjectionDefinition[],
  use: (found: readonly StoredProjection[], stored: StoredProjections) => Promise<Result>,
): Promise<Result> {
  const stored = await StoredProjections.open(dataDir, definitions);
  try {
    const ofThisLog = ({ checkpoint }: StoredProjection) =>
      checkpoint.logId === log.id && checkpoint.epoch === log.epoch;
    return await use(stored.found.filter(ofThisLog), stored);
  } finally {
    await stored.close();
  }
}

/** What the log alone gives, and what the fold knew of it at the positions at which the live one kept fingerprints. */
type Replayed = {
  readonly source: FoldedSource;
  readonly db: (offset: number) => Db;
  /** By projection, then by offset. */
  readonly known: ReadonlyMap<string, ReadonlyMap<number, KeptFingerprints['fingerprints']>>;
  readonly close: () => Promise<void>;
};

async function replay(
  { scratchDir, log, eventTypes, onProgress }: ReplayOptions,
  found: readonly StoredProjection[],
  to: number,
  startMs: number,
): Promise<Replayed> {
  mkdirSync(scratchDir, { recursive: true });
  if (readdirSync(scratchDir).length > 0) {
    throw errors.error('config.invalid', `${scratchDir} is not empty: a replay begins in an empty folder`);
  }
  const store = new ReadStore();
  const progress = new FoldProgress();
  const definitions = found.map(({ definition }) => definition);
  progress.synced = to;
  const folding = new Folding({
    folder: scratchDir,
    log,
    definitions,
    eventTypes,
    progress,
    onTile: () => {},
    report: () => {},
  });
  const known = new Map(definitions.map(({ name }) => [name, new Map<number, KeptFingerprints['fingerprints']>()]));
  try {
    for (const stop of stopsOf(found, to)) {
      await foldUpTo(folding, stop, () =>
        onProgress?.({
          phase: 'folding',
          done: folding.offset,
          total: to,
          seconds: (performance.now() - startMs) / 1000,
        }),
      );
      for (const { projection, fingerprints } of folding.checkpoints) known.get(projection)!.set(stop, fingerprints);
    }
    store.open(scratchDir, definitions);
  } catch (error) {
    await folding.abandon();
    throw error;
  }
  const commit = store.commit();
  const source = { store, progress, commit: () => commit };
  return {
    source,
    db: (offset) => new FoldedDb({ offset, current: false }, () => source),
    known,
    close: async () => {
      commit.snapshot?.done();
      await store.close();
      await folding.abandon();
    },
  };
}

/** Where fingerprints were kept, up to and with `to`, and `to` itself. */
function stopsOf(found: readonly StoredProjection[], to: number): readonly number[] {
  const kept = found
    .flatMap((projection) => projection.kept.map(({ offset }) => offset))
    .filter((offset) => offset < to);
  return [...new Set([...kept, to])].sort((a, b) => a - b);
}

type Sides = {
  readonly stored: StoredProjections;
  readonly found: readonly StoredProjection[];
  readonly replayed: Replayed;
  readonly to: number;
  readonly startMs: number;
};

async function compared({ log, onProgress }: ReplayOptions, sides: Sides): Promise<ProjectionReplay[]> {
  const { stored, found, replayed, to, startMs } = sides;
  const total = found.reduce((sum, { definition }) => sum + definition.structures.length, 0);
  let done = 0;
  const reports: ProjectionReplay[] = [];
  for (const projection of found) {
    const { definition, generation, source } = projection;
    const structures: StructureReplay[] = [];
    for (const { kind, name } of definition.structures) {
      onProgress?.({ phase: 'comparing', done: done++, total, seconds: (performance.now() - startMs) / 1000 });
      const common = { name, kind, foldedApart: foldedApart(projection, replayed, name, to) };
      const typeOf = (offset: number) => log.at(offset).type;
      structures.push(
        kind === 'collection'
          ? await report(
              common,
              collectionComparison(name, stored.db.bind(stored), replayed.db),
              to,
              typeOf,
              (key) => key,
            )
          : await report(common, rasterComparison(name, source, replayed.source), to, typeOf, placeName),
      );
    }
    const equal = structures.every((structure) => structure.equal);
    reports.push({ name: definition.name, version: definition.version, generation, equal, structures });
  }
  return reports;
}

async function report<Key>(
  common: Pick<StructureReplay, 'name' | 'kind' | 'foldedApart'>,
  comparison: Comparison<Key>,
  to: number,
  typeOf: (offset: number) => string,
  nameOf: (key: Key) => string,
): Promise<StructureReplay> {
  const found = await comparison.at(to);
  const { live, replayed, different } = found;
  const equal = different.length === 0;
  assert(!equal || isSame(live, replayed), 'equal states have equal fingerprints');
  const first: (Parting & { readonly key: Key }) | null = equal ? null : await firstDifference(comparison, to, found);
  return {
    ...common,
    live,
    replayed,
    equal,
    different: different.length,
    first: first === null ? null : { ...first, key: nameOf(first.key), eventType: typeOf(first.offset) },
  };
}

/** The first pair of kept fingerprints between which the live fold went another way. */
function foldedApart(
  { definition, kept, checkpoint }: StoredProjection,
  { known }: Replayed,
  structure: string,
  to: number,
): StructureReplay['foldedApart'] {
  let after = 0;
  for (const { offset, fingerprints } of [...kept, checkpoint].filter(({ offset }) => offset <= to)) {
    const then = known.get(definition.name)?.get(offset);
    if (then === undefined || fingerprints[structure] === undefined) continue;
    if (!isSame(fingerprints[structure], then[structure] ?? null)) return { after, to: offset };
    after = offset;
  }
  return null;
}

function isSame(a: Fingerprint | null, b: Fingerprint | null): boolean {
  return a !== null && b !== null && a.count === b.count && a.sum === b.sum;
}
