import type { LogReader } from '#log/log-reader.ts';
import type { ProjectionDefinition } from './projection.ts';
import type { Tree } from './tree.ts';
import { textKey } from './tree-key.ts';

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
  /** Every tree that the projection has, so that it can be dropped. */
  readonly trees: readonly string[];
};

export function declaration({ structures }: ProjectionDefinition): string {
  return JSON.stringify(
    structures.map((structure) =>
      structure.kind === 'raster'
        ? ['raster', structure.name]
        : ['collection', structure.name, Object.keys(structure.indexes).sort(), Object.keys(structure.counters).sort()],
    ),
  );
}

export function readCheckpoints(tree: Tree): readonly Checkpoint[] {
  // Only `writeCheckpoint` wrote them.
  return [...tree.range({ low: '\0', high: '\xff' })].map(({ value }) => JSON.parse(value.toString()) as Checkpoint);
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

function checkpointKey({ projection, version }: Checkpoint): string {
  return textKey(`${projection}@${version}`);
}
