import { errors } from '../../errors.ts';
import type { CollectionView, Version } from '../db.ts';
import type { QueryContext, Reader } from '../routes.ts';
import type { ItemDefinition } from './items.ts';

type Reading = Pick<QueryContext, 'db' | 'now' | 'reader' | 'event'>;

/**
 * The document as it was at the db's position, for a reader who may see it now: what is no longer public is not public in
 * the past either.
 * @throws the item's own 404, and history.erased, to those who might have seen it.
 */
export function visibleVersion(item: ItemDefinition, key: string, reading: Reading): Version {
  const { db, now, reader } = reading;
  const then = db.collection(item.collection).get(key);
  if (then === null) throw absent(item, key, reading);
  if (isOwn(item, then, reader)) return then;
  if (item.isPublic?.(then) !== true) throw item.unknown(key);
  const current = db.current ? then : now.collection(item.collection).get(key);
  if (current === null || !item.isPublic(current)) throw item.unknown(key);
  return then;
}

/** Whether it is the reader's own, or the reader is the admin. */
export function isOwn(item: ItemDefinition, version: Version, reader: Reader): boolean {
  return sees(reader, item.owner(version));
}

/** The error for an item that is not there: erased for those whose it was, else unknown. */
export function absent(item: ItemDefinition, key: string, { now, reader, event }: Reading) {
  const documents = now.collection(item.collection);
  if (documents.isErased(key) && sees(reader, erasedOwner(item, documents, key, event))) {
    return errors.error('history.erased', `${item.noun} of this id was erased, at every position`);
  }
  return item.unknown(key);
}

function erasedOwner(
  item: ItemDefinition,
  documents: CollectionView,
  key: string,
  event: QueryContext['event'],
): string | null {
  const offset = documents.lastChange(key);
  return offset === 0 || item.erasedOwner === undefined ? null : item.erasedOwner(event(offset));
}

function sees(reader: Reader, owner: string | null): boolean {
  return reader.role === 'admin' || (reader.role === 'account' && owner !== null && reader.account === owner);
}
