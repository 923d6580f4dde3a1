import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Operation } from 'rfc6902';
import type { ChangeCounts, ChangePage, CollectionView, Db, DocumentChange, Version } from '../db.ts';
import type { Difference, DifferencePage } from './difference.ts';
import { itemPatch } from './item-patch.ts';
import type { Item, ItemDefinition, Showing } from './items.ts';

/** An item that differs between two positions. */
export type ItemChange = {
  readonly key: string;
  readonly change: DocumentChange['change'];
  readonly before: Item | null;
  readonly after: Item | null;
  /** RFC 6902: from `before` to `after`; `null` where neither can be told. */
  readonly patch: readonly Operation[] | null;
  /** That of the last event in the range that touched it. */
  readonly position: string;
  /** True for an item that was erased since: what it was is not known at any position. */
  readonly erased?: true;
};

export type ItemDiffQuery = {
  readonly from: number;
  /** Only keys that begin with it. */
  readonly prefix?: string;
  /** Only this account's items; `null` all. */
  readonly account: string | null;
  /** False leaves out `before`, `after` and `patch`. */
  readonly documents: boolean;
};

/** Items that are compared and shown before other work of the thread has its turn. */
const ITEMS_A_TURN = 128;
/** Turns that one page takes: an account's few among many are found over several pages. */
const TURNS_MAX = 64;
/** Counting shows nothing. */
const COUNTED_A_TURN = 1_000;

/** What differs in a collection of items between `from` (excluded) and the db's position. */
export class ItemDifference implements Difference {
  readonly isPublic = false;
  readonly #item: ItemDefinition;
  readonly #documents: CollectionView;
  readonly #query: ItemDiffQuery;
  readonly #showing: Showing;

  constructor(item: ItemDefinition, db: Db, query: ItemDiffQuery, showing: Showing) {
    this.#item = item;
    this.#documents = db.collection(item.collection);
    this.#query = query;
    this.#showing = showing;
  }

  async page({ limit, cursor }: { limit: number; cursor?: string }): Promise<DifferencePage> {
    const items: object[] = [];
    let next: string | null = cursor ?? null;
    for (let turns = 0; turns < TURNS_MAX; turns += 1) {
      if (turns > 0) await nextTurn();
      const page = this.#changes(Math.min(limit - items.length, ITEMS_A_TURN), next);
      for (const change of page.items) if (this.#isAsked(change)) items.push(this.#shown(change));
      next = page.next;
      if (next === null || items.length >= limit) break;
    }
    return { items, next };
  }

  async counts(): Promise<ChangeCounts> {
    const { account, from, prefix } = this.#query;
    if (account === null) return await this.#documents.changeCounts({ from, ...(prefix !== undefined && { prefix }) });
    const counts = { added: 0, removed: 0, changed: 0 };
    for (let next: string | null = null, isFirst = true; isFirst || next !== null; isFirst = false) {
      const page = this.#changes(COUNTED_A_TURN, next);
      for (const change of page.items) if (this.#isAsked(change)) counts[change.change] += 1;
      next = page.next;
      await nextTurn();
    }
    return counts;
  }

  #changes(limit: number, cursor: string | null): ChangePage {
    const { account, documents, from, prefix } = this.#query;
    return this.#documents.changes({
      from,
      limit,
      // Whose an item is stands in its document.
      documents: documents || account !== null,
      ...(prefix !== undefined && { prefix }),
      ...(cursor !== null && { cursor }),
    });
  }

  #isAsked(change: DocumentChange): boolean {
    const { account } = this.#query;
    return account === null || this.#ownerOf(change) === account;
  }

  /** Whose an erased item was is not in any document any more, but in the event that erased it. */
  #ownerOf({ before, after, offset }: DocumentChange): string | null {
    const version = after ?? before;
    if (version !== null) return this.#item.owner(version);
    return this.#item.erasedOwner?.(this.#showing.event(offset)) ?? null;
  }

  #shown({ key, change, before, after, offset }: DocumentChange): object {
    const position = this.#showing.position(offset);
    const erased = this.#documents.isErased(key) && { erased: true as const };
    if (!this.#query.documents) return { key, change, position, ...erased };
    const [was, is] = [this.#itemOf(before), this.#itemOf(after)];
    const shown: ItemChange = { key, change, before: was, after: is, patch: itemPatch(was, is), position, ...erased };
    return shown;
  }

  #itemOf(version: Version | null): Item | null {
    return version === null ? null : this.#item.show(version, this.#showing);
  }
}
