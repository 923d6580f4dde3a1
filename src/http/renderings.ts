import type { Cache } from '#cache/cache.ts';
import type { Rendering } from '#history/routes.ts';
import { InTurn } from './in-turn.ts';

/** Pictures and bitmaps that are made: the largest board takes some 100 MiB each. */
const AT_ONCE_MAX = 4;
const WAITING_MAX = 10_000;
/** What took less is made again sooner than it is fetched. */
const DEAR_MS = 10;
const SHARED_SECONDS = 300;

type UnderWay = { readonly bytes: Promise<Uint8Array | null>; readonly wanted: (() => boolean)[] };

/** Makes what is dear once for all who ask meanwhile, and not at all where another member has made it. */
export class Renderings {
  readonly #cache: Cache | null;
  readonly #line = new InTurn({ atOnce: AT_ONCE_MAX, waitingMax: WAITING_MAX });
  readonly #underWay = new Map<string, UnderWay>();

  constructor(cache: Cache | null) {
    this.#cache = cache;
  }

  /**
   * @param name says exactly what the bytes are
   * @param isWanted false once the asker left
   * @returns null when all askers left before it was their turn
   * @throws server.busy, else as `render`
   */
  of(name: string, render: Rendering, isWanted: () => boolean): Promise<Uint8Array | null> {
    const found = this.#underWay.get(name);
    if (found !== undefined) {
      found.wanted.push(isWanted);
      return found.bytes;
    }
    const wanted = [isWanted];
    const bytes = this.#make(name, render, wanted).finally(() => this.#underWay.delete(name));
    this.#underWay.set(name, { bytes, wanted });
    return bytes;
  }

  async #make(name: string, render: Rendering, wanted: readonly (() => boolean)[]): Promise<Uint8Array | null> {
    const shared = this.#cache === null ? null : await this.#cache.get(name);
    if (shared !== null) return shared;
    return await this.#line.run(async () => {
      if (!wanted.some((isWanted) => isWanted())) return null;
      const startedMs = performance.now();
      const bytes = await render();
      if (performance.now() - startedMs >= DEAR_MS) this.#cache?.set(name, bytes, SHARED_SECONDS);
      return bytes;
    });
  }
}
