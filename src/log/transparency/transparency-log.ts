import type { KeyObject } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { errors } from '../../errors.ts';
import type { LogReader } from '../log-reader.ts';
import { parseCheckpoint } from './checkpoint.ts';
import type { SignedCheckpoint } from './checkpoint-signer.ts';
import { formatVerifier, noteText, verifierOf } from './signed-note.ts';
import { type ConsistencyProof, type InclusionProof, SignedTree } from './signed-tree.ts';
import { openSigningKey } from './signing-key.ts';
import type { Tile } from './tile.ts';
import { TreeProgress } from './tree-progress.ts';
import type { TreeMessage, TreeThreadData } from './tree-thread.ts';

/** The log's Merkle tree, up to what is signed: leaf n, from 0, is the event at offset n + 1. */
export interface TransparencyLog {
  /** The verifier key of its checkpoints, as `name+id+base64`. */
  readonly verifier: string;
  /** The last signed checkpoint. @throws history.not-yet before the first; log.tree-mismatch, and what else stopped the tree. */
  checkpoint(): SignedCheckpoint;
  /** Tells the tree that the log is synced up to the offset. */
  advance(synced: number): void;
  /**
   * Resolves once the first `size` events are signed.
   * @throws history.not-yet when that takes longer than `timeoutMs`, or the tree has stopped.
   */
  waitFor(size: number, timeoutMs: number): Promise<void>;
  /** The bytes of a tile or of an entry bundle. @throws log.unknown-tile past what is signed; log.entry-too-large */
  tile(tile: Tile): Buffer;
  /** The canonical bytes of the event at the offset: what its leaf is the hash of. @throws history.future-position */
  entry(offset: number): Buffer;
  /** That the event at the offset is among the first `size`. @throws history.future-position past what is signed. */
  inclusion(offset: number, size: number): InclusionProof;
  /** That the first `from` events begin the first `to`. @throws history.future-position, history.range */
  consistency(from: number, to: number): ConsistencyProof;
  /** Why the tree does not grow any more, or `null`. */
  fault(): Error | null;
  close(): Promise<void>;
}

export type TransparencyLogOptions = {
  /** The tree's folder; made if it is missing. */
  readonly dir: string;
  readonly logDir: string;
  /** Reads entries, on this thread. */
  readonly reader: LogReader;
  /** The offset that the log is synced up to now. */
  readonly synced: number;
  /** See `TreeThreadData`. */
  readonly syncsLog: boolean;
  /** Which log it is: the first line of its checkpoints, and its key's name. */
  readonly origin: string;
  /** PEM file of the signing key; `null` for the one in the tree's folder. */
  readonly keyPath: string | null;
  readonly report: (message: string) => void;
};

/**
 * Starts the thread that grows and signs the tree. Nothing waits for it: what is wrong with the tree is told by `fault`.
 * @throws config.invalid where the key cannot be read.
 */
export function openTransparencyLog(options: TransparencyLogOptions): TransparencyLog {
  return new ThreadedTransparencyLog(options, openSigningKey(options.dir, options.keyPath));
}

type Waiter = {
  readonly size: number;
  readonly timer: NodeJS.Timeout;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
};

class ThreadedTransparencyLog implements TransparencyLog {
  readonly verifier: string;
  readonly #options: TransparencyLogOptions;
  readonly #tree: SignedTree;
  readonly #progress = new TreeProgress();
  readonly #waiters = new Set<Waiter>();
  readonly #exited: Promise<void>;
  #signed: SignedCheckpoint | null = null;
  #fault: Error | null = null;

  constructor(options: TransparencyLogOptions, key: KeyObject) {
    const { dir, logDir, reader, origin, syncsLog, synced } = options;
    this.#options = options;
    this.verifier = formatVerifier(verifierOf(origin, key));
    this.#tree = new SignedTree(dir, reader);
    this.#progress.synced = synced;
    const workerData: TreeThreadData = { dir, logDir, origin, key, syncsLog, progress: this.#progress.memory };
    const thread = new Worker(new URL('./tree-thread.ts', import.meta.url), { workerData });
    thread.on('message', (message: TreeMessage) => this.#receive(message));
    thread.on('error', (error) => this.#fail(error instanceof Error ? error : new Error(String(error))));
    this.#exited = new Promise((resolve) => {
      thread.on('exit', () => {
        this.#fail(new Error('the thread of the tree has ended'));
        resolve();
      });
    });
  }

  checkpoint(): SignedCheckpoint {
    if (this.#fault !== null) throw this.#fault;
    if (this.#signed === null) throw notYet('no checkpoint is signed yet', null);
    return this.#signed;
  }

  advance(synced: number): void {
    if (synced > this.#progress.synced) this.#progress.synced = synced;
  }

  waitFor(size: number, timeoutMs: number): Promise<void> {
    if (this.#signed !== null && size <= this.#signed.size) return Promise.resolve();
    const message = `the first ${size} events are not signed yet`;
    if (this.#fault !== null) return Promise.reject(notYet(message, this.#fault));
    if (size > this.#progress.wanted) this.#progress.wanted = size;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        reject(notYet(message, null));
      }, timeoutMs);
      const waiter: Waiter = { size, timer, resolve, reject };
      this.#waiters.add(waiter);
    });
  }

  tile(tile: Tile): Buffer {
    return this.#tree.tile(tile, this.checkpoint().size);
  }

  entry(offset: number): Buffer {
    return this.#tree.entry(offset, this.checkpoint().size);
  }

  inclusion(offset: number, size: number): InclusionProof {
    return this.#tree.inclusion(offset, size, this.checkpoint().size);
  }

  consistency(from: number, to: number): ConsistencyProof {
    return this.#tree.consistency(from, to, this.checkpoint().size);
  }

  fault(): Error | null {
    return this.#fault;
  }

  async close(): Promise<void> {
    this.#progress.close();
    await this.#exited;
    this.#tree.close();
  }

  #receive(message: TreeMessage): void {
    switch (message.kind) {
      case 'signed':
        this.#sign(message.note);
        break;
      case 'report':
        this.#options.report(message.message);
        break;
      case 'failed':
        this.#fail(failure(message));
        this.#options.report(`the tree has stopped: ${message.message}`);
        break;
    }
  }

  #sign(note: string): void {
    const signed = { ...parseCheckpoint(noteText(note)), note };
    this.#signed = signed;
    for (const waiter of this.#waiters) {
      if (waiter.size > signed.size) continue;
      this.#waiters.delete(waiter);
      clearTimeout(waiter.timer);
      waiter.resolve();
    }
  }

  #fail(error: Error): void {
    this.#fault ??= error;
    for (const { size, timer, reject } of this.#waiters) {
      clearTimeout(timer);
      reject(notYet(`the first ${size} events are not signed yet`, this.#fault));
    }
    this.#waiters.clear();
  }
}

/** Errors lose their class between threads. */
function failure({ code, message }: { readonly code: string | null; readonly message: string }): Error {
  const known = (Object.keys(errors.definitions) as (keyof typeof errors.definitions)[]).find((name) => name === code);
  return known === undefined ? new Error(message) : errors.error(known, message);
}

function notYet(message: string, cause: Error | null): Error {
  const why = cause === null ? '' : `: ${cause.message}`;
  return errors.error('history.not-yet', `${message}${why}`, { cause, retryAfterSeconds: 1 });
}
