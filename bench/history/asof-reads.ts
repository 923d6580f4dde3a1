import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { documentOf } from '#history/collection/document-bytes.ts';
import type { CollectionView } from '#history/db.ts';
import { PHOTOS } from '#projections/photos/photo.ts';
import { seeded } from '../replay/build-log.ts';
import { argument } from './child.ts';
import { openFolded, watchMemory } from './folded.ts';
import { type Library, photoAt, tagAt } from './library.ts';
import { medianRate, percentile } from './rates.ts';

// In a process of its own, so that its memory is what Strata takes: folds a library, and reads it now and at random positions.

export type AsOfArgument = { readonly dir: string; readonly events: number; readonly library: Library };
export type AsOfOutcome = {
  readonly foldedPerSecond: number;
  readonly current: Reads;
  readonly asOf: Reads;
  /** Of the version files, and of all trees. */
  readonly versionBytes: number;
  readonly treeBytes: number;
  readonly peakAnonymousMiB: number;
};
type Reads = { readonly perSecond: number; readonly listP50Ms: number; readonly listP99Ms: number };

const READS = 20_000;
const ROUNDS = 5;
const LISTS = 2_000;
const LIST_ITEMS = 100;

const { dir, events, library } = argument<AsOfArgument>();
const random = seeded(6);
const memory = watchMemory();
const startMs = performance.now();
const projections = await openFolded(dir, events);
const foldedPerSecond = events / ((performance.now() - startMs) / 1000);
const now = () => projections.db().collection(PHOTOS);
// Every photo is there at every one of these.
const then = () => projections.db(library.photos + below(events - library.photos)).collection(PHOTOS);
const current = reads(now);
const asOf = reads(then);
const peakAnonymousMiB = memory.stop();
await projections.close();
const folder = join(dir, 'projections');
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
const versions = files.filter((name) => name.endsWith('.versions')).map((name) => statSync(join(folder, name)).size);
const outcome: AsOfOutcome = {
  foldedPerSecond,
  current,
  asOf,
  versionBytes: versions.reduce((sum, size) => sum + size, 0),
  treeBytes: statSync(join(folder, 'trees.mdb')).size,
  peakAnonymousMiB,
};
console.log(JSON.stringify(outcome));

function reads(view: () => CollectionView): Reads {
  const perSecond = medianRate(ROUNDS, READS, () => {
    for (let read = 0; read < READS; read++) {
      const version = view().get(photoAt(below(library.photos)));
      if (version === null) throw new Error('a photo is not there');
      documentOf(version.bytes);
    }
  });
  const tookMs: number[] = [];
  for (let list = 0; list < LISTS; list++) {
    const listStartMs = performance.now();
    const query = { index: 'tag', value: tagAt(below(library.tags)), limit: LIST_ITEMS };
    for (const { bytes } of view().list(query).items) documentOf(bytes);
    tookMs.push(performance.now() - listStartMs);
  }
  return { perSecond, listP50Ms: percentile(tookMs, 0.5), listP99Ms: percentile(tookMs, 0.99) };
}

function below(count: number): number {
  return Math.floor(random() * count);
}
