import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { requireWholeTree } from '#log/embedded/lmdb-file.ts';
import type { LogReader } from '#log/log-reader.ts';
import { projectionId } from '../collection/trees.ts';
import { repeatErasure } from '../collection/version-erasure.ts';
import type { ProjectionDefinition } from '../projection.ts';
import { AppendFileReader, DamagedRecord } from '../storage/append-file.ts';
import { type Snapshot, type Tree, Trees } from '../storage/tree.ts';
import {
  type Checkpoint,
  declaration,
  forgetFingerprints,
  isOf,
  readCheckpoints,
  removeCheckpoint,
  writeCheckpoint,
} from './checkpoint.ts';
import { structureFile, structureTreeNames } from './structure.ts';

const CHECKPOINTS = 'checkpoints';
const FOLDED = 'folded';
/** The folder of rebuilt copies, below the one of projections. */
export const REBUILT = 'rebuilt';

export function projectionsDir(dir: string): string {
  return join(dir, 'projections');
}

/** The trees of all projections that lie in one folder. */
export function treesPath(folder: string): string {
  return join(folder, 'trees.mdb');
}

/** Where a fold writes, in one folder: the trees, and what each projection's checkpoint says. */
export class FoldStore {
  readonly dir: string;
  readonly trees: Trees;
  readonly checkpoints: Tree;
  readonly fingerprints: Tree;
  readonly #folded: Tree;
  readonly #log: LogReader;
  readonly #report: (message: string) => void;

  constructor(folder: string, log: LogReader, report: (message: string) => void) {
    this.dir = folder;
    try {
      requireWholeTree(treesPath(folder));
    } catch (error) {
      report(`the projections' trees cannot be opened, and are folded again from the log: ${error}`);
      removeStore(folder);
    }
    mkdirSync(folder, { recursive: true });
    this.trees = new Trees(treesPath(folder), { readOnly: false });
    this.checkpoints = checkpointsTree(this.trees);
    this.fingerprints = fingerprintsTree(this.trees);
    this.#folded = foldedTree(this.trees);
    this.#log = log;
    this.#report = report;
  }

  /** The checkpoints to go on from, in the order of `definitions`. What is not of this log or these definitions is discarded. */
  resume(definitions: readonly ProjectionDefinition[], syncedOffset: number): Checkpoint[] {
    const kept = new Map<string, Checkpoint>();
    for (const checkpoint of readCheckpoints(this.checkpoints)) {
      const definition = definitions.find(({ name }) => name === checkpoint.projection);
      if (
        definition !== undefined &&
        isOf(checkpoint, definition, this.#log, syncedOffset) &&
        this.#isWhole(definition, checkpoint)
      ) {
        kept.set(definition.name, checkpoint);
      } else {
        this.#report(
          `projection ${checkpoint.projection}: version ${checkpoint.version} at ${checkpoint.offset} is discarded`,
        );
        this.discard(checkpoint);
      }
    }
    return definitions.map((definition) => kept.get(definition.name) ?? this.#begin(definition));
  }

  /** Within a write transaction: every projection is folded up to `offset` at least. */
  writeFolded(offset: number): void {
    this.#folded.put(FOLDED, Buffer.from(String(offset)));
  }

  readFolded(): number {
    return readFolded(this.#folded, null);
  }

  async close(): Promise<void> {
    await this.trees.close();
  }

  /** After a crash of the machine the trees may point to what the files lack: then the projection is folded anew. */
  #isWhole(definition: ProjectionDefinition, { files, offset }: Checkpoint): boolean {
    for (const structure of definition.structures) {
      const { end, synced } = files[structure.name] ?? { end: 0, synced: 0 };
      const name = structureFile(this.dir, definition, structure);
      const reader = new AppendFileReader(name);
      try {
        reader.verify(synced, end);
        if (structure.kind === 'collection' && !repeatErasure(name, offset)) {
          throw new DamagedRecord(`an erasure after ${offset} has begun`);
        }
      } catch (error) {
        if (!(error instanceof DamagedRecord) && (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        this.#report(`projection ${definition.name}: ${(error as Error).message}`);
        return false;
      } finally {
        reader.close();
      }
    }
    return true;
  }

  #begin(definition: ProjectionDefinition): Checkpoint {
    const checkpoint: Checkpoint = {
      projection: definition.name,
      version: definition.version,
      declared: declaration(definition),
      logId: this.#log.id,
      epoch: this.#log.epoch,
      offset: 0,
      eventHash: '',
      files: Object.fromEntries(definition.structures.map(({ name }) => [name, { end: 0, synced: 0 }])),
      fingerprints: {},
      trees: definition.structures.flatMap((structure) => structureTreeNames(definition, structure)),
    };
    // Files without a checkpoint are of a discard that was cut short.
    rmSync(join(this.dir, projectionId(definition)), { recursive: true, force: true });
    this.trees.write(() => writeCheckpoint(this.checkpoints, checkpoint));
    return checkpoint;
  }

  /** The checkpoint goes last, so that a discard which is cut short is done again. */
  discard(checkpoint: Checkpoint): void {
    for (const name of checkpoint.trees) this.trees.drop(name);
    rmSync(join(this.dir, `${checkpoint.projection}@${checkpoint.version}`), { recursive: true, force: true });
    this.trees.write(() => {
      forgetFingerprints(this.fingerprints, checkpoint);
      removeCheckpoint(this.checkpoints, checkpoint);
    });
  }
}

/** Rebuilt copies lie in folders of their own below, and stay. */
function removeStore(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    if (name !== REBUILT) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

export function checkpointsTree(trees: Trees): Tree {
  return trees.tree(CHECKPOINTS);
}

export function fingerprintsTree(trees: Trees): Tree {
  return trees.tree('fingerprints');
}

export function foldedTree(trees: Trees): Tree {
  return trees.tree('position');
}

/** The offset that every projection was folded up to when the snapshot was taken. */
export function readFolded(tree: Tree, snapshot: Snapshot): number {
  return Number(tree.get(FOLDED, snapshot)?.toString() ?? 0);
}
