import type { CollectionView } from '#history/db.ts';
import { PHOTOS } from '#projections/photos/photo.ts';
import { argument } from './child.ts';
import { openFolded } from './folded.ts';
import { medianSeconds } from './rates.ts';

// In a process of its own: times the diff of the last events of a log, for each of some numbers of changes.

export type DiffArgument = { readonly dir: string; readonly events: number; readonly changes: readonly number[] };
export type DiffOutcome = { readonly changes: number; readonly keysMs: number; readonly documentsMs: number }[];

const ROUNDS = 5;
const PAGE_ITEMS = 1_000;

const { dir, events, changes } = argument<DiffArgument>();
const projections = await openFolded(dir, events);
const outcome: DiffOutcome = changes.map((count) => {
  const view = projections.db().collection(PHOTOS);
  const timed = (documents: boolean) =>
    medianSeconds(ROUNDS, () => {
      const found = diff(view, events - count, documents);
      if (found !== count) throw new Error(`${found} changes were found of ${count}`);
    }) * 1000;
  return { changes: count, keysMs: timed(false), documentsMs: timed(true) };
});
await projections.close();
console.log(JSON.stringify(outcome));

/** All pages; gives how many changes they hold. */
function diff(view: CollectionView, from: number, documents: boolean): number {
  let found = 0;
  for (let cursor: string | null = null; ; ) {
    const page = view.changes({ from, documents, limit: PAGE_ITEMS, ...(cursor === null ? {} : { cursor }) });
    found += page.items.length;
    if (page.next === null) return found;
    cursor = page.next;
  }
}
