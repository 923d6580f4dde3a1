import { mkdir, open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** Syncs a folder's entries: without it a power loss may lose the name of a file whose bytes are safe. */
export async function syncFolder(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Makes and syncs folders for many blobs at once: callers of one folder share a sync, as long as it begins after they
 * asked for it.
 */
export class Folders {
  readonly #root: string;
  /** At most 65,536 + 256 names: two levels of two hex digits. */
  readonly #made = new Map<string, Promise<void>>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #waiting = new Map<string, Promise<void>>();

  constructor(root: string) {
    this.#root = resolve(root);
  }

  /** Resolves when the folder, below the root, exists and its name is durable. */
  make(folder: string): Promise<void> {
    // The root may have been named in another way, as `./data` is.
    const dir = resolve(folder);
    if (dir === this.#root) return Promise.resolve();
    let made = this.#made.get(dir);
    if (made === undefined) {
      made = this.#makeDurable(dir).catch((error) => {
        this.#made.delete(dir);
        throw error;
      });
      this.#made.set(dir, made);
    }
    return made;
  }

  /** Resolves after a sync of the folder that began after this call. */
  sync(dir: string): Promise<void> {
    const running = this.#running.get(dir);
    if (running === undefined) return this.#start(dir);
    let next = this.#waiting.get(dir);
    if (next === undefined) {
      const startNext = () => {
        this.#waiting.delete(dir);
        return this.#start(dir);
      };
      next = running.then(startNext, startNext);
      this.#waiting.set(dir, next);
    }
    return next;
  }

  #start(dir: string): Promise<void> {
    const sync = syncFolder(dir).finally(() => this.#running.delete(dir));
    this.#running.set(dir, sync);
    return sync;
  }

  async #makeDurable(dir: string): Promise<void> {
    const parent = dirname(dir);
    await this.make(parent);
    await mkdir(dir, { recursive: true });
    await this.sync(parent);
  }
}
