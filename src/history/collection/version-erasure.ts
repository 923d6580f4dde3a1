import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AppendFileName, eraseRecords, type RecordPlace } from '../storage/append-file.ts';

/** What an erasure destroys, and the offset of the last event that asks for it. */
type Erasure = { readonly offset: number; readonly records: readonly RecordPlace[] };

/**
 * Destroys records of a version file. They are named in a file beside it before the commit that forgets them, and overwritten
 * after it, before anyone is told of that commit. So a start finds what a crash has left undone.
 */
export class VersionErasure {
  readonly #name: AppendFileName;
  #records: RecordPlace[] = [];
  #offset = 0;

  constructor(name: AppendFileName) {
    this.#name = name;
  }

  add(offset: number, records: readonly RecordPlace[]): void {
    for (const { pointer, length } of records) this.#records.push({ pointer, length });
    this.#offset = offset;
  }

  /** Offset of the last event that erased something since the last commit, or 0. */
  get offset(): number {
    return this.#offset;
  }

  /** Before the commit that forgets the records. */
  prepare(): void {
    if (this.#offset > 0) writeErasure(this.#name, { offset: this.#offset, records: this.#records });
  }

  /** After that commit. */
  finish(): void {
    if (this.#offset === 0) return;
    eraseRecords(this.#name, this.#records);
    this.#records = [];
    this.#offset = 0;
  }
}

/**
 * Does the last erasure again, which a crash may have cut short. False when the trees are of before it, as after a power
 * loss: they may point to what is destroyed already, and have to be folded anew.
 */
export function repeatErasure(name: AppendFileName, committedOffset: number): boolean {
  const erasure = readErasure(name);
  if (erasure === null) return true;
  if (erasure.offset > committedOffset) return false;
  eraseRecords(name, erasure.records);
  return true;
}

function writeErasure(name: AppendFileName, erasure: Erasure): void {
  const path = erasurePath(name);
  const descriptor = openSync(`${path}.new`, 'w');
  try {
    writeFileSync(descriptor, JSON.stringify(erasure));
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(`${path}.new`, path);
  const folder = openSync(name.dir, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function readErasure(name: AppendFileName): Erasure | null {
  try {
    // Only `writeErasure` wrote it.
    return JSON.parse(readFileSync(erasurePath(name), 'utf8')) as Erasure;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function erasurePath({ dir, structure }: AppendFileName): string {
  return join(dir, `${structure}.erasure`);
}
