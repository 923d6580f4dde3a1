import type { KeyObject } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errors } from '../../errors.ts';
import { type Checkpoint, formatCheckpoint, parseCheckpoint } from './checkpoint.ts';
import { noteText, signNote } from './signed-note.ts';

export type SignedCheckpoint = Checkpoint & {
  /** The whole signed note. */
  readonly note: string;
};

/** Where the last signed checkpoint lies. */
export function checkpointPath(treeDir: string): string {
  return join(treeDir, 'checkpoint');
}

/** The last checkpoint that was signed, or `null` before the first. @throws log.note-invalid where the file holds none. */
export function lastSigned(treeDir: string): SignedCheckpoint | null {
  let note: string;
  try {
    note = readFileSync(checkpointPath(treeDir), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  return { ...parseCheckpoint(noteText(note)), note };
}

/**
 * Signs checkpoints, each on the disk itself before anyone sees it, so that no two of them can contradict each other, not
 * even over a crash.
 */
export class CheckpointSigner {
  readonly #dir: string;
  readonly #origin: string;
  readonly #key: KeyObject;
  #last: SignedCheckpoint | null;

  /** @throws log.note-invalid where the last one cannot be read. */
  constructor(dir: string, origin: string, key: KeyObject) {
    this.#dir = dir;
    this.#origin = origin;
    this.#key = key;
    this.#last = lastSigned(dir);
  }

  get last(): SignedCheckpoint | null {
    return this.#last;
  }

  /** @throws log.tree-mismatch for a size below the last, or another root of the same size: nothing is signed then. */
  sign(size: number, root: Buffer): SignedCheckpoint {
    const last = this.#last;
    if (last !== null && (size < last.size || (size === last.size && !root.equals(last.root)))) {
      const detail = `a tree of ${last.size} events is signed already, so another of ${size} is not`;
      throw errors.error('log.tree-mismatch', detail);
    }
    const checkpoint = { origin: this.#origin, size, root };
    const note = signNote(formatCheckpoint(checkpoint), this.#origin, this.#key);
    this.#keep(note);
    this.#last = { ...checkpoint, note };
    return this.#last;
  }

  #keep(note: string): void {
    const path = checkpointPath(this.#dir);
    writeFileSync(`${path}.new`, note, { flush: true, mode: 0o600 });
    renameSync(`${path}.new`, path);
    const folder = openSync(this.#dir, 'r');
    fsyncSync(folder);
    closeSync(folder);
  }
}
