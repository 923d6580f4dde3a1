import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { requireWholeTree } from '#log/embedded/lmdb-file.ts';
import type { LogReader } from '#log/log-reader.ts';
import { AppendFileReader, DamagedRecord } from './append-file.ts';
import {
  type Checkpoint,
  declaration,
  isOf,
  readCheckpoints,
  removeCheckpoint,
  writeCheckpoint,
} from './checkpoint.ts';
import { projectionId } from './collection-trees.ts';
import type { ProjectionDefinition } from './projection.ts';
import { structureFile, structureTreeNames } from './structure.ts';
import { type Snapshot, type Tree, Trees } from './tree.ts';

const CHECKPOINTS = 'checkpoints';
const FOLDED = 'folded';

export function projectionsDir(dir: string): string {
  return join(dir, 'projections');
}

export function treesPath(dir: string): string {
  return join(projectionsDir(dir), 'trees.mdb');
}

/** Where the fold writes: the trees, and what each projection's checkpoint says. */
export class FoldStore {
  readonly dir: string;
  readonly trees: Trees;
  readonly checkpoints: Tree;
  readonly #folded: Tree;
  readonly #log: LogReader;
  readonly #report: (message: string) => void;

  constructor(dir: string, log: LogReader, report: (message: string) => void) {
    this.dir = projectionsDir(dir);
    try {
      requireWholeTree(treesPath(dir));
    } catch (error) {
      report(`the projections' trees cannot be opened, and are folded again from the log: ${error}`);
      rmSync(this.dir, { recursive: true, force: true });
    }
    mkdirSync(this.dir, { recursive: true });
    this.trees = new Trees(treesPath(dir), { readOnly: false });
    this.checkpoints = this.trees.tree(CHECKPOINTS);
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
        this.#discard(checkpoint);
      }
    }
    return definitions.map((definition) => kept.get(definition.name) ?? this.#begin(definition));
  }

  /** Within a write transaction: every projection is folded up to `offset` at least. */
  writeFolded(offset: number): void {
    this.#folded.put(FOLDED, Buffer.from(String(offset)));
  }

  async close(): Promise<void> {
    await this.trees.close();
  }

  /** After a crash of the machine the trees may point to what the files lack: then the projection is folded anew. */
  #isWhole(definition: ProjectionDefinition, { files }: Checkpoint): boolean {
    for (const structure of definition.structures) {
      const { end, synced } = files[structure.name] ?? { end: 0, synced: 0 };
      const reader = new AppendFileReader(structureFile(this.dir, definition, structure));
      try {
        reader.verify(synced, end);
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
      trees: definition.structures.flatMap((structure) => structureTreeNames(definition, structure)),
    };
    // Files without a checkpoint are of a discard that was cut short.
    rmSync(join(this.dir, projectionId(definition)), { recursive: true, force: true });
    this.trees.write(() => writeCheckpoint(this.checkpoints, checkpoint));
    return checkpoint;
  }

  /** The checkpoint goes last, so that a discard which is cut short is done again. */
  #discard(checkpoint: Checkpoint): void {
    this.#report(
      `projection ${checkpoint.projection}: version ${checkpoint.version} at ${checkpoint.offset} is discarded`,
    );
    for (const name of checkpoint.trees) this.trees.drop(name);
    rmSync(join(this.dir, `${checkpoint.projection}@${checkpoint.version}`), { recursive: true, force: true });
    this.trees.write(() => removeCheckpoint(this.checkpoints, checkpoint));
  }
}

export function foldedTree(trees: Trees): Tree {
  return trees.tree('position');
}

/** The offset that every projection was folded up to when the snapshot was taken. */
export function readFolded(tree: Tree, snapshot: Snapshot): number {
  return Number(tree.get(FOLDED, snapshot)?.toString() ?? 0);
}
