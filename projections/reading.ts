import type { World } from '#commands/world.ts';
import { isRendering, type QueryContext, type QueryRoute, type Reader, type Reading } from '#history/routes.ts';
import { isStrataError } from '#src/errors.ts';
import type { MemoryDb } from './memory-db.ts';

export const BY_ADMIN: Reader = { role: 'admin', account: null };
export const BY_ANYONE: Reader = { role: 'anonymous', account: null };

export function byAccount(account: string): Reader {
  return { role: 'account', account };
}

/** Reads a declared query as the server does, without one; for tests. Refusals are given as their code. */
export class Queries {
  readonly #world: World;
  readonly #db: MemoryDb;
  readonly #routes: readonly QueryRoute[];

  constructor(world: World, db: MemoryDb, routes: readonly QueryRoute[]) {
    this.#world = world;
    this.#db = db;
    this.#routes = routes;
  }

  async read(path: string, context: Partial<QueryContext> = {}): Promise<Reading> {
    const route = this.#routes.find((declared) => declared.path === path);
    if (route === undefined) throw new Error(`there is no query ${path}`);
    const reading = await route.read({
      db: this.#db,
      now: this.#db,
      params: {},
      reader: BY_ADMIN,
      open: (bytes) => JSON.parse(bytes.toString('utf8')),
      event: (offset) => this.#world.events[offset - 1]!,
      position: (offset) => `p${offset}`,
      dappUrl: (dapp) => `http://${dapp}.test/`,
      ...context,
      query: route.query.parse(context.query ?? {}) as QueryContext['query'],
    });
    return isRendering(reading.body) ? { ...reading, body: await reading.body() } : reading;
  }

  /** The answer's body, or the code of the refusal. */
  async body(path: string, context: Partial<QueryContext> = {}): Promise<unknown> {
    try {
      return (await this.read(path, context)).body;
    } catch (error) {
      if (isStrataError(error)) return error.code;
      throw error;
    }
  }
}
