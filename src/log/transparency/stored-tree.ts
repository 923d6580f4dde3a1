import { errors, isStrataError } from '../../errors.ts';
import type { LogReader } from '../log-reader.ts';
import type { CheckpointSigner, SignedCheckpoint } from './checkpoint-signer.ts';
import { HashFiles } from './hash-files.ts';
import { leafHash } from './hashing.ts';
import { visitLeaves } from './leaves.ts';
import { rootHash } from './merkle.ts';
import { TreeBuilder } from './tree-builder.ts';

export type StoredTreeOptions = {
  /** Of the tree's files. */
  readonly dir: string;
  readonly log: LogReader;
  /** The offset that the log is synced up to now. */
  readonly synced: number;
  readonly signer: CheckpointSigner;
  /** Told what an operator should know: files that are made again. */
  readonly report: (message: string) => void;
};

/**
 * The tree on disk, of which what was signed last is the durable part: the files are synced before it is signed, cut to
 * its size at the start, and grown again from the log.
 */
export class StoredTree {
  readonly #log: LogReader;
  readonly #files: HashFiles;
  readonly #signer: CheckpointSigner;
  readonly #builder: TreeBuilder;

  private constructor({ log, signer }: StoredTreeOptions, files: HashFiles, builder: TreeBuilder) {
    this.#log = log;
    this.#signer = signer;
    this.#files = files;
    this.#builder = builder;
  }

  /**
   * Opens the tree where it was signed last. Files that do not give the root that was signed are made again from the log.
   * @throws log.tree-mismatch when the log is not the one that was signed: it is shorter, or has other events.
   */
  static open(options: StoredTreeOptions): StoredTree {
    const { dir, log, synced, signer, report } = options;
    const files = HashFiles.forAppending(dir);
    try {
      const { last } = signer;
      const size = last?.size ?? 0;
      if (size > synced) throw mismatch(`the log ends at ${synced}, but its first ${size} events were signed`);
      files.truncate(size);
      if (last !== null && !givesRoot(files, last)) {
        report(`the tree's files do not give the root that was signed at ${size}: they are made again from the log`);
        const builder = rebuild(log, files, last);
        report(`the tree's files are made again, and give the root that was signed at ${size}`);
        return new StoredTree(options, files, builder);
      }
      if (size > 0 && !leafAt(log, size).equals(files.read(0, size - 1, 1))) {
        throw mismatch(`the event at ${size} is another one than the one that was signed`);
      }
      const builder = TreeBuilder.resume(size, (...asked) => files.read(...asked), files.append);
      return new StoredTree(options, files, builder);
    } catch (error) {
      files.close();
      throw error;
    }
  }

  /** How many events are in the tree. */
  get size(): number {
    return this.#builder.size;
  }

  get signed(): SignedCheckpoint | null {
    return this.#signer.last;
  }

  /** Adds the events up to a synced offset. */
  grow(to: number): void {
    visitLeaves(this.#log, this.size, to, (bytes) => this.#builder.add(bytes));
  }

  /** Signs the tree as it is, once it is on the disk itself. */
  sign(): SignedCheckpoint {
    this.#builder.flush();
    this.#files.sync(this.size);
    return this.#signer.sign(this.size, this.#builder.root());
  }

  close(): void {
    this.#files.close();
  }
}

function givesRoot(files: HashFiles, { size, root }: SignedCheckpoint): boolean {
  try {
    return rootHash(files, size).equals(root);
  } catch (error) {
    if (isStrataError(error, 'log.tree-mismatch')) return false;
    throw error;
  }
}

function rebuild(log: LogReader, files: HashFiles, { size, root }: SignedCheckpoint): TreeBuilder {
  files.truncate(0);
  const builder = new TreeBuilder(files.append);
  visitLeaves(log, 0, size, (bytes) => builder.add(bytes));
  builder.flush();
  if (!builder.root().equals(root)) throw mismatch(`its first ${size} events are not the ones that were signed`);
  files.sync(size);
  return builder;
}

function leafAt(log: LogReader, offset: number): Buffer {
  let leaf: Buffer | null = null;
  visitLeaves(log, offset - 1, offset, (bytes) => {
    leaf = leafHash(bytes);
  });
  return leaf!;
}

const mismatch = (detail: string) => errors.error('log.tree-mismatch', detail);
