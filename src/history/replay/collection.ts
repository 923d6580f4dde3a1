import { setImmediate } from 'node:timers/promises';
import type { CollectionView, Db, Version } from '../db.ts';
import { DocumentHasher, FingerprintSum } from '../fingerprint.ts';
import { DamagedRecord } from '../storage/append-file.ts';
import { documentKey } from '../storage/tree-key.ts';
import { type Compared, type Comparison, DIFFERENCES_MAX, type Parting } from './differences.ts';

const PAGE = 1_000;
const SHOWN_CHARACTERS_MAX = 200;
const UNREADABLE = 'cannot be read';

/** Compares a collection with its replay. Documents that are erased in either are of no position, and left out. */
export function collectionComparison(
  name: string,
  live: (offset: number) => Db,
  replayed: (offset: number) => Db,
): Comparison<string> {
  return {
    at: (offset) => compare(name, live(offset).collection(name), replayed(offset).collection(name)),
    parting: (key, to) => {
      let first: Parting = { offset: to, live: null, replayed: null };
      for (let offset = to; offset > 0; offset = first.offset - 1) {
        const views = [live(offset).collection(name), replayed(offset).collection(name)] as const;
        const states = views.map((view) => stateOf(view, key)) as [State, State];
        if (isSame(...states)) break;
        first = { offset: Math.max(...states.map((state) => state.offset)), ...told(...states) };
      }
      return first;
    },
  };
}

async function compare(name: string, live: CollectionView, replayed: CollectionView): Promise<Compared<string>> {
  const hasher = new DocumentHasher(name);
  const sums = { live: new FingerprintSum(), replayed: new FingerprintSum() };
  const different: string[] = [];
  let isReadable = true;
  const differs = (key: string) => {
    if (different.length <= DIFFERENCES_MAX) different.push(key);
  };
  for await (const { key, bytes, offset } of documents(replayed)) {
    if (live.isErased(key)) continue;
    const hash = hasher.hash(documentKey(key), bytes);
    sums.replayed.add(hash);
    const found = stateOf(live, key);
    const isThere = isSame(found, { offset, bytes });
    if (found.bytes === UNREADABLE) isReadable = false;
    else if (found.bytes !== null) sums.live.add(isThere ? hash : hasher.hash(documentKey(key), found.bytes));
    if (!isThere) differs(key);
  }
  for await (const key of keys(live)) {
    if (replayed.isErased(key) || replayed.get(key) !== null) continue;
    const { bytes } = stateOf(live, key);
    if (bytes === UNREADABLE) isReadable = false;
    else if (bytes !== null) sums.live.add(hasher.hash(documentKey(key), bytes));
    if (bytes !== null) differs(key);
  }
  return { live: isReadable ? sums.live.value() : null, replayed: sums.replayed.value(), different };
}

async function* documents(view: CollectionView): AsyncGenerator<Version> {
  for (let cursor: string | undefined; ; ) {
    const page = view.scan({ prefix: '', limit: PAGE, ...(cursor !== undefined && { cursor }) });
    yield* page.items;
    if (page.next === null) return;
    cursor = page.next;
    await setImmediate();
  }
}

/** Of the documents that there are, none of which has to be readable. */
async function* keys(view: CollectionView): AsyncGenerator<string> {
  for (let cursor: string | undefined; ; ) {
    const page = view.changes({ from: 0, documents: false, limit: PAGE, ...(cursor !== undefined && { cursor }) });
    for (const { key } of page.items) yield key;
    if (page.next === null) return;
    cursor = page.next;
    await setImmediate();
  }
}

/** A document at a position: `null` for a deletion, or where there was none yet. */
type State = { readonly offset: number; readonly bytes: Buffer | null | typeof UNREADABLE };

function stateOf(view: CollectionView, key: string): State {
  const offset = view.lastChange(key);
  try {
    return { offset, bytes: view.get(key)?.bytes ?? null };
  } catch (error) {
    if (error instanceof DamagedRecord) return { offset, bytes: UNREADABLE };
    throw error;
  }
}

/** The same bytes, made by the same event. */
function isSame(a: State, b: State): boolean {
  if (a.offset !== b.offset || a.bytes === UNREADABLE || b.bytes === UNREADABLE) return false;
  return a.bytes === null || b.bytes === null ? a.bytes === b.bytes : a.bytes.equals(b.bytes);
}

function told(live: State, replayed: State): Pick<Parting, 'live' | 'replayed'> {
  return { live: shown(live), replayed: shown(replayed) };
}

function shown({ bytes }: State): string | null {
  const text = bytes === null ? null : bytes.toString();
  return text !== null && text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}…` : text;
}
