import { setImmediate as nextTurn } from 'node:timers/promises';
import { errors } from '../../errors.ts';
import type { Db } from '../db.ts';
import type { Difference, DifferenceDefinition } from './difference.ts';
import { ItemDifference, type ItemDiffQuery } from './item-diff.ts';
import type { ItemDefinition, Showing } from './items.ts';

/** Items of one page when all are wanted. */
const PAGE_ITEMS = 256;

/** All that a diff can be asked `in`. */
export type DiffCatalogue = {
  readonly items: readonly ItemDefinition[];
  readonly differences: readonly DifferenceDefinition[];
};

/** Collects what the domains declare. */
export function diffCatalogue(
  domains: readonly { readonly items?: DiffCatalogue['items']; readonly differences?: DiffCatalogue['differences'] }[],
): DiffCatalogue {
  return {
    items: domains.flatMap(({ items = [] }) => items),
    differences: domains.flatMap(({ differences = [] }) => differences),
  };
}

/** @throws history.unknown-items */
export function itemsNamed({ items }: DiffCatalogue, name: string): ItemDefinition {
  const item = items.find((each) => each.name === name);
  if (item === undefined)
    throw unknownItems(
      name,
      items.map((each) => each.name),
    );
  return item;
}

/** True for a diff that is not of items: `boards/wall`. */
export function isKeyed(named: string): boolean {
  return named.includes('/');
}

/**
 * What differs in `named` (`photos`, `boards/wall`) between `query.from`, excluded, and the db's position.
 * @throws history.range, history.unknown-items, request.invalid for a prefix of what has no keys, and the domain's own 404
 */
export function differenceIn(
  catalogue: DiffCatalogue,
  named: string,
  query: ItemDiffQuery,
  db: Db,
  showing: Showing,
): Difference {
  if (query.from > db.offset) {
    const range = `${showing.position(query.from)} is after ${showing.position(db.offset)}`;
    throw errors.error('history.range', range);
  }
  if (!isKeyed(named)) return new ItemDifference(itemsNamed(catalogue, named), db, query, showing);
  const slash = named.indexOf('/');
  const found = catalogue.differences.find(({ name }) => name === named.slice(0, slash));
  if (found === undefined)
    throw unknownItems(
      named,
      catalogue.differences.map(({ name }) => `${name}/NAME`),
    );
  if (query.prefix !== undefined) {
    throw errors.error('request.invalid', `a prefix narrows items by their keys: ${found.name} have none`);
  }
  return found.between(named.slice(slash + 1), query.from, db, showing);
}

/** All of a difference, or what follows a cursor, a page at a time; other work of the thread goes on between pages. */
export async function* allOf(
  difference: Difference,
  limit = Number.POSITIVE_INFINITY,
  after: string | null = null,
): AsyncGenerator<object> {
  let left = limit;
  for (let next = after, isFirst = true; left > 0 && (isFirst || next !== null); isFirst = false) {
    if (!isFirst) await nextTurn();
    const page = await difference.page({ limit: Math.min(left, PAGE_ITEMS), ...(next !== null && { cursor: next }) });
    yield* page.items;
    left -= page.items.length;
    next = page.next;
  }
}

function unknownItems(named: string, known: readonly string[]) {
  return errors.error('history.unknown-items', `"${named.slice(0, 80)}" is none of ${known.join(', ')}`);
}
