import type { RevertContext } from '#handling/routes.ts';
import type { Version } from '#history/db.ts';
import type { ItemDefinition } from '#history/items/items.ts';
import { errors } from '#src/errors.ts';
import { requireOwn } from './item-routes.ts';

/**
 * The document to go back to, for the owner of the item and the admin.
 * @throws the item's own 404, history.erased, and history.nothing-then where there was no such item at the position.
 */
export function versionToRestore(item: ItemDefinition, key: string, context: RevertContext): Version {
  requireOwn(item, key, { ...context, db: context.now });
  const then = context.db.collection(item.collection).get(key);
  if (then === null)
    throw errors.error('history.nothing-then', `${item.noun} of this id was not there at ${context.to}`);
  return then;
}
