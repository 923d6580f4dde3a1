import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EventLog } from '#log/event-log.ts';
import { assert } from '../assert.ts';
import { errors, isStrataError } from '../errors.ts';
import { resolveAsOf } from './as-of.ts';
import type { ChangeCounts, Db, Projections } from './db.ts';
import { allOf, type DiffCatalogue, differenceIn, itemsNamed } from './items/diff.ts';
import type { Difference } from './items/difference.ts';
import type { ItemChange, ItemDiffQuery } from './items/item-diff.ts';
import type { ItemVersion } from './items/item-history.ts';
import type { Item, Showing } from './items/items.ts';
import type { QueryPaths } from './items/query-paths.ts';
import { isBelow, type Shown } from './items/shown.ts';
import type { OverlayDb } from './overlay/db.ts';
import { isRendering, type QueryContext, type Reader, type Reading, type Rendering } from './routes.ts';
import { sinceDb } from './since-db.ts';

/** A position's token, an RFC 3339 time or a `Date`, a ref like `refs/launch`, or a duration back like `-PT10M`. */
export type When = string | Date;

/** As a query string has them: `{ tag: 'alps', takenBefore: '2020-01-01T00:00:00Z' }`. */
export type Filters = { readonly [name: string]: string };

/** A command as a what if takes it; `at` is the time of the value's position unless told. */
export type Supposed = { readonly type: string; readonly data: object; readonly at?: Date };

export type StrataDbParts = {
  readonly log: EventLog;
  readonly projections: Projections;
  readonly catalogue: DiffCatalogue;
  readonly paths: QueryPaths;
  readonly showing: Showing;
  /** @throws ref.unknown */
  readonly refOffset: (db: Db, ref: string) => number;
  /** The state that the commands would make of a db's. @throws the first refusal */
  readonly suppose: (db: Db, commands: readonly Supposed[]) => Promise<OverlayDb>;
};

/** How long a value waits for the projections to reach its position. */
const WAIT_MS_MAX = 5_000;
const ADMIN: Reader = { role: 'admin', account: null };
const PAGE_ITEMS = '256';

/**
 * The state of all projections at a position: an immutable value, as Datomic's. Its verbs make other values at once; what a
 * value is asked first finds its position, waits until that is folded, and stays there. Read with an admin's eyes.
 */
export class StrataDb {
  readonly #parts: StrataDbParts;
  readonly #open: () => Promise<Shown>;
  #shown: Promise<Shown> | null = null;

  constructor(parts: StrataDbParts, open: () => Promise<Shown>) {
    this.#parts = parts;
    this.#open = open;
  }

  /** The position's token, which `asOf` takes, over HTTP too. What is supposed has none: that of what lies below. */
  async position(): Promise<string> {
    return this.#parts.showing.position((await this.state()).logged);
  }

  /** The state as it was, inclusive; never later than this value's own. */
  asOf(when: When): StrataDb {
    return this.#derived(async (shown) => {
      const offset = await this.#offsetOf(when);
      if (offset >= shown.logged) return shown;
      const { projections, showing } = this.#parts;
      await projections.waitFor(offset, WAIT_MS_MAX);
      return { db: projections.db(offset), showing, logged: offset };
    });
  }

  /** Only what was last changed after `when`. */
  since(when: When): Pick<StrataDb, 'position' | 'get' | 'list' | 'history' | 'read'> {
    return this.#derived(async (shown) => ({ ...shown, db: sinceDb(shown.db, await this.#offsetOf(when)) }));
  }

  /**
   * What if: the state that the commands would make of this one, in order. Nothing is appended, nothing follows from it. At
   * most 1,000. A command that would be refused throws its refusal at the first read.
   */
  with(commands: readonly Supposed[]): StrataDb {
    return this.#derived(async ({ db, logged }) => {
      const overlay = await this.#parts.suppose(db, commands);
      return { db: overlay, showing: overlay.showing(this.#parts.showing), logged };
    });
  }

  /** One item of `photos`, `accounts`, `dapps`, `albums` or `refs`, or `null`. @throws history.erased */
  async get(named: string, key: string): Promise<Item | null> {
    const item = itemsNamed(this.#parts.catalogue, named);
    try {
      return (await this.#read(addressOf(item.path, key), {})).body as Item;
    } catch (error) {
      if (isStrataError(error, item.unknown(key).code)) return null;
      throw error;
    }
  }

  /** Items as the list over HTTP has them, with its filters, page after page. */
  list(named: string, filters: Filters = {}): AsyncGenerator<Item> {
    const { path } = itemsNamed(this.#parts.catalogue, named);
    return this.#all<Item>(path.slice(0, path.lastIndexOf('/')), filters);
  }

  /** Versions of an item, newest first. @throws the domain's own 404, history.erased */
  history(named: string, key: string): AsyncGenerator<ItemVersion> {
    const { path } = itemsNamed(this.#parts.catalogue, named);
    return this.#all<ItemVersion>(`${addressOf(path, key)}/history`, {});
  }

  /** How many items there are, or an account has. */
  async count(named: string, { account = null }: { readonly account?: string | null } = {}): Promise<number> {
    const item = itemsNamed(this.#parts.catalogue, named);
    const { db } = await this.state();
    return item.count(db.collection(item.collection), account);
  }

  /** Named positions, by name. */
  refs(): AsyncGenerator<Item> {
    return this.list('refs');
  }

  /** What any GET of a projection answers, `asOf` aside: an object, or bytes. @throws request.unknown-route */
  async read(path: string, query: Filters = {}): Promise<Exclude<Reading['body'], Rendering>> {
    const { body } = await this.#read(path, query);
    return isRendering(body) ? body() : body;
  }

  /** The projections' own state; the position is found on the first call. */
  state(): Promise<Shown> {
    this.#shown ??= this.#open();
    return this.#shown;
  }

  /** What differs between an earlier value and this one. */
  async difference(before: StrataDb, { in: named, ...query }: DiffOptions): Promise<Difference> {
    const [from, to] = await Promise.all([before.state(), this.state()]);
    if (!isBelow(from, to)) {
      throw errors.error(
        'history.range',
        'what is supposed is compared with what it was supposed of, and not the other way',
      );
    }
    const asked: ItemDiffQuery = { account: null, documents: true, ...query, from: from.db.offset };
    return differenceIn(this.#parts.catalogue, named, asked, to.db, to.showing);
  }

  async *#all<Value extends object>(path: string, filters: Filters): AsyncGenerator<Value> {
    for (let next: string | null = null, isFirst = true; isFirst || next !== null; isFirst = false) {
      if (!isFirst) await nextTurn();
      const query: Filters = { ...filters, limit: PAGE_ITEMS, ...(next !== null && { cursor: next }) };
      const page = (await this.#read(path, query)).body as { items: readonly Value[]; next: string | null };
      yield* page.items;
      next = page.next;
    }
  }

  async #read(path: string, given: Filters): Promise<Reading> {
    const { paths, projections } = this.#parts;
    const { route, params } = paths.find(path);
    const parsed = route.query.safeParse(given);
    if (!parsed.success) throw errors.error('request.invalid', `the query of ${path}: ${parsed.error.message}`);
    const { db, showing } = await this.state();
    const { open, event, position, dappUrl } = showing;
    // A strict object makes an object.
    const query = parsed.data as QueryContext['query'];
    return await route.read({
      db,
      now: projections.db(),
      params,
      query,
      reader: ADMIN,
      open,
      event,
      position,
      dappUrl,
    });
  }

  async #offsetOf(when: When): Promise<number> {
    const { log, projections, refOffset } = this.#parts;
    const text = typeof when === 'string' ? when : when.toISOString();
    const sources = { log, refOffset: (ref: string) => refOffset(projections.db(), ref) };
    return (await resolveAsOf(text, sources, Date.now())).offset;
  }

  #derived(make: (shown: Shown) => Promise<Shown>): StrataDb {
    return new StrataDb(this.#parts, async () => await make(await this.state()));
  }
}

export type DiffOptions = {
  /** `photos`, `accounts`, `dapps`, `albums`, `refs`, or `boards/NAME`. */
  readonly in: string;
  /** Only items whose key begins with it. */
  readonly prefix?: string;
  readonly account?: string | null;
  /** False leaves out `before`, `after` and `patch`. */
  readonly documents?: boolean;
};

/** What changed from `before` to `after`, in the order of last changes. @throws history.range when `before` is the later one */
export async function* diff(before: StrataDb, after: StrataDb, options: DiffOptions): AsyncGenerator<ItemChange> {
  // A board's changes have other fields; whoever asks for them knows.
  yield* allOf(await after.difference(before, options)) as AsyncGenerator<ItemChange>;
}

/** How many items `diff` would give. */
export async function diffCounts(before: StrataDb, after: StrataDb, options: DiffOptions): Promise<ChangeCounts> {
  return await (await after.difference(before, options)).counts();
}

function addressOf(path: string, key: string): string {
  assert(path.endsWith('}'), 'an item’s path ends with its key');
  return path.slice(0, path.lastIndexOf('{')) + encodeURIComponent(key);
}
