import { join } from 'node:path';
import type { CollectionDefinition, ProjectionDefinition } from '../projection.ts';
import type { AppendFileName } from '../storage/append-file.ts';
import type { Tree, Trees } from '../storage/tree.ts';
import type { TreeKey } from '../storage/tree-key.ts';

/** The trees of one collection; `docs/reference/history.md` has their rows. */
export type CollectionTrees = {
  /** key -> the newest versions. */
  readonly heads: Tree;
  /** key, NUL, first offset -> earlier versions. */
  readonly older: Tree;
  /** index, value, sort, key -> the offset since which the row holds. */
  readonly rows: Tree;
  /** index, value, sort, key, from -> the offset at which the row ceased to hold. */
  readonly pastRows: Tree;
  /** counter, value -> count. */
  readonly counts: Tree;
  /** counter, value, first offset -> how the count changed. */
  readonly pastCounts: Tree;
  /** first offset -> the keys touched. */
  readonly touched: Tree;
};

const NAMES = ['heads', 'older', 'rows', 'pastRows', 'counts', 'pastCounts', 'touched'] as const;

/** A row of `heads` before all documents: the offset of the commit that last erased one. */
export const LAST_ERASURE: TreeKey = '\0erased';
/** At or below every document's key, above `LAST_ERASURE`. */
export const FIRST_DOCUMENT: TreeKey = '\x01';

export function projectionId(projection: ProjectionDefinition): string {
  return `${projection.name}@${projection.version}`;
}

export function collectionTreeNames(projection: ProjectionDefinition, { name }: CollectionDefinition): string[] {
  return NAMES.map((tree) => `${projectionId(projection)}.${name}.${tree}`);
}

export function openCollectionTrees(
  trees: Trees,
  projection: ProjectionDefinition,
  definition: CollectionDefinition,
): CollectionTrees {
  const [heads, older, rows, pastRows, counts, pastCounts, touched] = collectionTreeNames(projection, definition).map(
    (name) => trees.tree(name),
  ) as [Tree, Tree, Tree, Tree, Tree, Tree, Tree];
  return { heads, older, rows, pastRows, counts, pastCounts, touched };
}

export function versionFile(dir: string, projection: ProjectionDefinition, structure: string): AppendFileName {
  return { dir: join(dir, projectionId(projection)), structure, kind: 'versions' };
}

/** Indexes and counters by the ordinal that their rows begin with: names in order. */
export function ordinal(declared: { readonly [name: string]: unknown }, name: string): number {
  return Object.keys(declared).sort().indexOf(name);
}
