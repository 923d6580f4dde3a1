import type { LogReader } from '#log/log-reader.ts';
import type { Fingerprint } from '../db.ts';
import type { ProjectionDefinition } from '../projection.ts';
import type { RowRange, Snapshot, Tree } from '../storage/tree.ts';
import { keyOffset, offsetKey, prefixEnd, textKey } from '../storage/tree-key.ts';

/** Moves up when the bytes of trees or files change their form: then all is folded anew. */
const LAYOUT = 2;

/** How far a projection is folded, and of what log: in the same transaction as its state. */
export type Checkpoint = {
  readonly projection: string;
  readonly version: number;
  /** What the structures are declared as: indexes and counters are rows, so other ones need a rebuild. */
  readonly declared: string;
  readonly logId: string;
  readonly epoch: number;
  readonly offset: number;
  /** SHA-256 of the event at `offset`; empty at offset 0. */
  readonly eventHash: string;
  /** Per structure, where its append-only file ends and up to where it is known to be on the disk itself. */
  readonly files: { readonly [structure: string]: { readonly end: number; readonly synced: number } };
  /** Per collection, what it holds at `offset`. A raster's is computed when it is asked for. */
  readonly fingerprints: { readonly [collection: string]: Fingerprint };
  /** Every tree that the projection has, so that it can be dropped. */
  readonly trees: readonly string[];
};

export function declaration({ structures }: ProjectionDefinition): string {
  return JSON.stringify([
    LAYOUT,
    ...structures.map((structure) =>
      structure.kind === 'raster'
        ? ['raster', structure.name]
        : ['collection', structure.name, Object.keys(structure.indexes).sort(), Object.keys(structure.counters).sort()],
    ),
  ]);
}

export function readCheckpoints(tree: Tree): readonly Checkpoint[] {
  // Only `writeCheckpoint` wrote them.
  return [...tree.range({ low: '\0', high: '\xff' })].map(({ value }) => JSON.parse(value.toString()) as Checkpoint);
}

/** `null` where the projection has none. */
export function readCheckpoint(
  tree: Tree,
  { name, version }: ProjectionDefinition,
  snapshot: Snapshot,
): Checkpoint | null {
  const row = tree.get(checkpointKey({ projection: name, version }), snapshot);
  // Only `writeCheckpoint` wrote it.
  return row === undefined ? null : (JSON.parse(row.toString()) as Checkpoint);
}

/** What the collections of a projection held at its checkpoint; `null` when that is not of `offset`. */
export function fingerprintsAt(
  tree: Tree,
  definition: ProjectionDefinition,
  offset: number,
  snapshot: Snapshot,
): Checkpoint['fingerprints'] | null {
  const checkpoint = readCheckpoint(tree, definition, snapshot);
  return checkpoint?.offset === offset ? checkpoint.fingerprints : null;
}

export function writeCheckpoint(tree: Tree, checkpoint: Checkpoint): void {
  tree.put(checkpointKey(checkpoint), Buffer.from(JSON.stringify(checkpoint)));
}

export function removeCheckpoint(tree: Tree, checkpoint: Checkpoint): void {
  tree.remove(checkpointKey(checkpoint));
}

/** True when the checkpoint is of this definition, and of a state that this log had. */
export function isOf(
  checkpoint: Checkpoint,
  definition: ProjectionDefinition,
  log: LogReader,
  syncedOffset: number,
): boolean {
  return (
    checkpoint.version === definition.version &&
    checkpoint.declared === declaration(definition) &&
    checkpoint.logId === log.id &&
    checkpoint.epoch === log.epoch &&
    checkpoint.offset <= syncedOffset &&
    checkpoint.eventHash === eventHash(log, checkpoint.offset)
  );
}

export function eventHash(log: LogReader, offset: number): string {
  return offset === 0 ? '' : log.hashAt(offset);
}

/** What a projection's collections held at an offset. */
export type KeptFingerprints = Pick<Checkpoint, 'offset' | 'fingerprints'>;

/** Within a write transaction. */
export function keepFingerprints(tree: Tree, checkpoint: Checkpoint): void {
  const { offset, fingerprints } = checkpoint;
  tree.put(`${checkpointKey(checkpoint)}\0${offsetKey(offset)}`, Buffer.from(JSON.stringify(fingerprints)));
}

/** From the first position on. */
export function keptFingerprints(tree: Tree, checkpoint: Checkpoint): KeptFingerprints[] {
  return [...tree.range(keptRange(checkpoint))].map(({ key, value }) => ({
    offset: keyOffset(key),
    // Only `keepFingerprints` wrote them.
    fingerprints: JSON.parse(value.toString()) as Checkpoint['fingerprints'],
  }));
}

/** The offset of the last fingerprints that are kept; 0 where none are. */
export function lastKept(tree: Tree, checkpoint: Checkpoint): number {
  const row = tree.last(keptRange(checkpoint));
  return row === null ? 0 : keyOffset(row.key);
}

/** Within a write transaction. */
export function forgetFingerprints(tree: Tree, checkpoint: Checkpoint): void {
  tree.removeRange(keptRange(checkpoint));
}

function keptRange(checkpoint: Checkpoint): RowRange {
  const low = `${checkpointKey(checkpoint)}\0`;
  return { low, high: prefixEnd(low) };
}

function checkpointKey({ projection, version }: Pick<Checkpoint, 'projection' | 'version'>): string {
  return textKey(`${projection}@${version}`);
}
