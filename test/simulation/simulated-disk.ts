import { closeSync, ftruncateSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import type { Disk, DiskFile } from '#log/embedded/disk.ts';
import { systemError } from './failing-disk.ts';
import type { Random } from './random.ts';
import { SimulatedFile } from './simulated-file.ts';

const FREE_BYTES = 2 ** 30;

/** A change of names that the folder may not have on the disk yet. */
type Naming = (names: Map<string, SimulatedFile>) => void;

/**
 * A disk that fails and crashes under a seed. Files are mirrored in real ones, as the page cache shows them, so that the
 * log's readers find them; what was not synced can be lost by `losePower`.
 */
export class SimulatedDisk implements Disk {
  /** How often an operation fails, from 0 to 1. */
  faultRate = 0;
  /** Operations until nothing works any more. */
  crashesIn = Number.POSITIVE_INFINITY;
  readonly #random: Random;
  readonly #dir: string;
  readonly #names = new Map<string, SimulatedFile>();
  #namesOnDisk = new Map<string, SimulatedFile>();
  #namings: Naming[] = [];

  /** All of its files lie in one folder. */
  constructor(random: Random, dir: string) {
    this.#dir = dir;
    this.#random = random;
  }

  get hasCrashed(): boolean {
    return this.crashesIn <= 0;
  }

  async create(path: string, synced: boolean): Promise<DiskFile> {
    this.#step('create');
    this.#failSometimes('create');
    const file = new SimulatedFile();
    this.#name((names) => names.set(path, file));
    return this.#handle(path, file, openSync(path, 'w'), synced);
  }

  async open(path: string, synced: boolean): Promise<DiskFile> {
    this.#step('open');
    this.#failSometimes('open');
    const file = this.#names.get(path);
    if (file === undefined) throw systemError('ENOENT', path);
    return this.#handle(path, file, openSync(path, 'r+'), synced);
  }

  async rename(from: string, to: string): Promise<void> {
    this.#step('rename');
    this.#failSometimes('rename');
    const file = this.#names.get(from);
    if (file === undefined) throw systemError('ENOENT', from);
    renameSync(from, to);
    this.#name((names) => {
      names.delete(from);
      names.set(to, file);
    });
  }

  async remove(path: string): Promise<void> {
    this.#step('remove');
    rmSync(path, { force: true });
    this.#name((names) => names.delete(path));
  }

  async syncFolder(dir: string): Promise<void> {
    this.#step('syncFolder');
    this.#failSometimes('syncFolder');
    if (dir !== this.#dir) return;
    this.#namesOnDisk = new Map(this.#names);
    this.#namings = [];
  }

  async freeBytes(): Promise<number> {
    this.#step('statfs');
    return this.#random.chance(this.faultRate) ? 0 : FREE_BYTES;
  }

  /** After a kill: the page cache is still there. */
  restart(): void {
    this.crashesIn = Number.POSITIVE_INFINITY;
    this.faultRate = 0;
  }

  /** After a power loss: of names and bytes that were not synced, some are there. */
  losePower(): void {
    this.restart();
    for (const path of this.#names.keys()) rmSync(path, { force: true });
    // A journal keeps the order of changes.
    const kept = this.#random.below(this.#namings.length + 1);
    for (const naming of this.#namings.slice(0, kept)) naming(this.#namesOnDisk);
    this.#namings = [];
    this.#names.clear();
    for (const [path, file] of this.#namesOnDisk) {
      file.loseCache(this.#random);
      this.#names.set(path, file);
      writeFileSync(path, file.content);
    }
  }

  /** Every operation is one step to the crash, which comes before the operation does anything. */
  #step(operation: string): void {
    if (this.hasCrashed) throw systemError('EIO', `${operation} after the crash`);
    this.crashesIn -= 1;
    if (this.hasCrashed) throw systemError('EIO', `${operation} at the crash`);
  }

  #failSometimes(operation: string): void {
    if (this.#random.chance(this.faultRate)) throw systemError(this.#random.pick(['EIO', 'ENOSPC']), operation);
  }

  #name(naming: Naming): void {
    naming(this.#names);
    this.#namings.push(naming);
  }

  #handle(path: string, file: SimulatedFile, fd: number, synced: boolean): DiskFile {
    const put = (bytes: Uint8Array, position: number) => {
      file.write(bytes, position);
      for (let done = 0; done < bytes.length; )
        done += writeSync(fd, bytes, done, bytes.length - done, position + done);
    };
    return {
      write: async (bytes, position) => {
        const fails = this.#random.chance(this.faultRate);
        const crashes = !this.hasCrashed && this.crashesIn <= 1;
        // A write that a fault or the crash interrupts has got anywhere.
        if (fails || crashes) put(bytes.subarray(0, this.#random.below(bytes.length + 1)), position);
        this.#step(`write ${path}`);
        if (!fails) put(bytes, position);
        if (!synced) {
          if (fails) throw systemError(this.#random.pick(['EIO', 'ENOSPC']), 'write');
          return;
        }
        if (fails) {
          if (this.#random.chance(0.5)) put(bytes, position);
          file.failSync(this.#random);
          throw systemError(this.#random.pick(['EIO', 'ENOSPC']), 'write');
        }
        file.syncRange(position, position + bytes.length);
      },
      truncate: async (sizeBytes) => {
        this.#step('truncate');
        this.#failSometimes('truncate');
        file.truncate(sizeBytes);
        ftruncateSync(fd, sizeBytes);
      },
      sync: async () => {
        this.#step('sync');
        if (this.#random.chance(this.faultRate)) {
          file.failSync(this.#random);
          throw systemError('EIO', 'sync');
        }
        file.sync();
      },
      close: async () => {
        closeSync(fd);
        this.#failSometimes('close');
      },
    };
  }
}
