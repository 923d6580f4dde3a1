import type { CollectionView, Db, Page, RasterView } from './db.ts';

/**
 * What of a db was last changed after the offset `from` (Datomic's `since`). Counters and fingerprints stay the db's own:
 * what is kept of them knows no parts.
 */
export function sinceDb(db: Db, from: number): Db {
  return {
    offset: db.offset,
    current: db.current,
    collection: (name) => newerDocuments(db.collection(name), from),
    raster: (name) => newerPlaces(db.raster(name), from),
  };
}

function newerDocuments(documents: CollectionView, from: number): CollectionView {
  const newer = ({ items, next }: Page): Page => ({ items: items.filter(({ offset }) => offset > from), next });
  return {
    get: (key) => {
      const version = documents.get(key);
      return version !== null && version.offset > from ? version : null;
    },
    lastChange: (key) => documents.lastChange(key),
    list: (query) => newer(documents.list(query)),
    scan: (query) => newer(documents.scan(query)),
    count: (counter, value) => documents.count(counter, value),
    isErased: (key) => documents.isErased(key),
    versions: (query) => {
      const { items, next } = documents.versions(query);
      const shown = items.filter(({ offset }) => offset > from);
      // Newest first: after an older one there is no newer.
      return { items: shown, next: shown.length < items.length ? null : next };
    },
    changes: (query) => documents.changes({ ...query, from: Math.max(query.from, from) }),
    changeCounts: (query) => documents.changeCounts({ ...query, from: Math.max(query.from, from) }),
    fingerprint: () => documents.fingerprint(),
  };
}

function newerPlaces(places: RasterView, from: number): RasterView {
  return {
    pixels: (...board) => places.pixels(...board),
    placement: (...place) => {
      const placement = places.placement(...place);
      return placement !== null && placement.offset > from ? placement : null;
    },
    lastChange: (board) => places.lastChange(board),
    changes: (board) => places.changes(board),
    changed: (query) => places.changed({ ...query, from: Math.max(query.from, from) }),
    placements: (query) => {
      const { items, next } = places.placements(query);
      const shown = items.filter(({ offset }) => offset > from);
      return { items: shown, next: shown.length < items.length ? null : next };
    },
    fingerprint: () => places.fingerprint(),
  };
}
