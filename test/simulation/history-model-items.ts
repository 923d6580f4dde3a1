import { isDeepStrictEqual } from 'node:util';
import { parsePosition } from '#events/position.ts';
import type { HistoryModel, ModelDocument } from './history-model.ts';

/** What the server is asked for besides the model: how it prints positions, and where it serves dapps. */
export type Printing = {
  readonly position: (offset: number) => string;
  readonly dappUrl: (label: string) => string;
};

export type ShownItem = { readonly [field: string]: unknown };

/** A kind of items, as its single reads, lists and diffs show them. */
export type ModelItems = {
  readonly name: 'accounts' | 'albums' | 'dapps' | 'photos' | 'refs';
  readonly collection: string;
  readonly unknown: string;
  readonly show: (document: ModelDocument, model: HistoryModel, printing: Printing) => ShownItem;
  /** Whether the item counts, and for which account. */
  readonly counted: (document: ModelDocument) => { readonly account: string | null } | null;
};

export const MODEL_ITEMS: readonly ModelItems[] = [
  {
    name: 'accounts',
    collection: 'accounts',
    unknown: 'account.unknown',
    show: ({ contact: _contact, ...shown }) => shown,
    counted: ({ account }) => ({ account: String(account) }),
  },
  {
    name: 'albums',
    collection: 'albums',
    unknown: 'album.unknown',
    show: (shown) => shown,
    counted: ({ library }) => ({ account: String(library) }),
  },
  {
    name: 'dapps',
    collection: 'dapps',
    unknown: 'dapp.unknown',
    show: (shown, _model, { dappUrl }) => ({ ...shown, url: dappUrl(String(shown.dapp)) }),
    counted: ({ account }) => ({ account: String(account) }),
  },
  {
    name: 'photos',
    collection: 'photos',
    unknown: 'photo.unknown',
    show: ({ library: _library, fileName: _fileName, ...shown }) => shown,
    counted: ({ library, trashed }) => (trashed === true ? null : { account: String(library) }),
  },
  {
    name: 'refs',
    collection: 'refs',
    unknown: 'ref.unknown',
    show: ({ ref, position }, model, printing) => {
      const [offset] = parsePosition(String(position)).offsets;
      const recordedAt = offset === 0 ? null : timeOf(model.event(offset!).recordedAt);
      return { ref, position: printing.position(offset!), recordedAt };
    },
    counted: () => ({ account: null }),
  },
];

export function itemAt(
  model: HistoryModel,
  items: ModelItems,
  key: string,
  offset: number,
  printing: Printing,
): ShownItem | null {
  const document = model.document(items.collection, key, offset);
  return document === null ? null : items.show(document, model, printing);
}

/** How many there are at a position, as the counters had it then: what was erased since was there. */
export function countAt(model: HistoryModel, items: ModelItems, account: string | null, offset: number): number {
  const texts = [...(model.states[offset]!.documents.get(items.collection)?.values() ?? [])];
  const counted = texts.map((text) => items.counted(JSON.parse(text))).filter((each) => each !== null);
  return counted.filter((each) => account === null || each.account === account).length;
}

/** The offsets at which a document got other bytes, newest first, up to and with `to`. */
export function versionsUpTo(model: HistoryModel, collection: string, key: string, to: number): number[] {
  const offsets: number[] = [];
  for (let offset = to; offset > 0; offset -= 1) {
    const [before, after] = [model.text(collection, key, offset - 1), model.text(collection, key, offset)];
    if (before !== after) offsets.push(offset);
  }
  return offsets;
}

/** An item's history at a position, as its route answers it. */
export function historyAt(
  model: HistoryModel,
  items: ModelItems,
  key: string,
  to: number,
  printing: Printing,
): ShownItem[] {
  return versionsUpTo(model, items.collection, key, to).map((offset) => {
    const value = itemAt(model, items, key, offset, printing);
    const before = itemAt(model, items, key, offset - 1, printing);
    const { actor, at, revision, type } = model.event(offset);
    const position = printing.position(offset);
    return { position, revision, at: timeOf(at), actor, type, changed: changedNames(before, value), value };
  });
}

export function changedNames(before: ShownItem | null, after: ShownItem | null): string[] {
  const names = new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})]);
  return [...names].filter((name) => !isDeepStrictEqual(before?.[name], after?.[name])).sort();
}

export function timeOf(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
