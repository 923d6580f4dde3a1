import type { z } from 'zod';
import type { StrataError } from '../../errors.ts';
import type { RecordedEvent } from '../../events/event.ts';
import type { CollectionView, Version } from '../db.ts';
import type { QueryContext } from '../routes.ts';

/** An item as it is answered: personal fields are open. */
export type Item = { readonly [field: string]: unknown };

/** What turns what is kept into what is shown. */
export type Showing = Pick<QueryContext, 'open' | 'event' | 'position' | 'dappUrl'>;

/**
 * How the documents of a collection are shown as items: the single read, its history, diffs and counts follow from it. A
 * document's key is the last parameter of its path.
 */
export type ItemDefinition = {
  /** What `in` of a diff names: `photos`. */
  readonly name: string;
  /** One of them, for people: `a photo`. */
  readonly noun: string;
  readonly collection: string;
  /** `/v1/photos/{photo}`; the list is at the path without its last segment. */
  readonly path: string;
  readonly shape: z.ZodType;
  readonly show: (version: Version, showing: Showing) => Item;
  /** The account whose key sees it besides the admin's, by the document; `null`: none does. */
  readonly owner: (version: Version) => string | null;
  /** The same by the event that erased it, when there is no document any more. */
  readonly erasedOwner?: (erasure: RecordedEvent) => string | null;
  /** True for what is there for everyone. Its history is its owner's still. */
  readonly isPublic?: (version: Version) => boolean;
  /** How many there are, or how many the account has; of those that lists show unless told otherwise. */
  readonly count: (documents: CollectionView, account: string | null) => number;
  /** The domain's own 404. */
  readonly unknown: (key: string) => StrataError;
};
