import type { Json } from '#events/event.ts';
import { assert } from '#src/assert.ts';
import type { ModelDocument, ModelEvent, ModelPlace, ModelState } from './history-model.ts';

/** What is destroyed for good, and stays so. */
export type Erasing = {
  readonly erase: (collection: string, key: string) => void;
  readonly isErased: (collection: string, key: string) => boolean;
};

/** The state after an event, as a reader of the events would work it out: written a second time, without `src/history`. */
export function foldPlainly(before: ModelState, event: ModelEvent, erasing: Erasing): ModelState {
  const draft = new Draft(before, event, erasing);
  const step = STEPS[event.type];
  assert(step !== undefined, `the model knows ${event.type}`);
  step(draft, event.data, event);
  return draft.state();
}

/** The state after one event, while it is made: what changes is copied first. */
class Draft {
  readonly offset: number;
  readonly #erasing: Erasing;
  readonly #documents: Map<string, ReadonlyMap<string, string>>;
  readonly #places: Map<string, ReadonlyMap<string, ModelPlace>>;
  readonly #placements: Map<string, number>;

  constructor({ documents, places, placements }: ModelState, { offset }: ModelEvent, erasing: Erasing) {
    this.offset = offset;
    this.#erasing = erasing;
    this.#documents = new Map(documents);
    this.#places = new Map(places);
    this.#placements = new Map(placements);
  }

  // biome-ignore lint/suspicious/noExplicitAny: a document is of the shape that its collection has
  get(collection: string, key: string): any {
    const text = this.#documents.get(collection)?.get(key);
    return text === undefined ? null : JSON.parse(text);
  }

  put(collection: string, key: string, document: ModelDocument): void {
    if (this.#erasing.isErased(collection, key)) return;
    const before = this.#documents.get(collection) ?? new Map();
    this.#documents.set(collection, new Map(before).set(key, canonical(document)));
  }

  change(collection: string, key: string, changes: ModelDocument): void {
    this.put(collection, key, { ...this.get(collection, key), ...changes });
  }

  delete(collection: string, key: string): void {
    const copy = new Map(this.#documents.get(collection));
    copy.delete(key);
    this.#documents.set(collection, copy);
  }

  erase(collection: string, key: string): void {
    this.delete(collection, key);
    this.#erasing.erase(collection, key);
  }

  set(board: string, x: number, y: number, color: number): void {
    const before = this.#places.get(board) ?? new Map();
    this.#places.set(board, new Map(before).set(`${x},${y}`, { color, offset: this.offset }));
    this.#placements.set(board, (this.#placements.get(board) ?? 0) + 1);
  }

  state(): ModelState {
    return { documents: this.#documents, places: this.#places, placements: this.#placements };
  }
}

// biome-ignore lint/suspicious/noExplicitAny: an event's data is of the shape that its type tells
type Step = (draft: Draft, data: any, event: ModelEvent) => void;

const STEPS: { readonly [type: string]: Step } = {
  AccountOpened: (draft, { account, contact }) => {
    const nothing = { available: 0, expired: 0, granted: 0, held: 0, spent: 0 };
    draft.put('accounts', account, { account, contact, ...nothing });
  },
  CreditsGranted: (draft, { account, amount, grant }, event) => {
    move(draft, account, { granted: amount, available: amount });
    enter(draft, account, event, { kind: 'grant', amount, reference: grant });
  },
  CreditsDebited: (draft, { account, amount, operation, reference }, event) => {
    move(draft, account, { spent: amount, available: -amount });
    enter(draft, account, event, { kind: 'debit', amount, reference, operation });
  },
  GrantExpired: (draft, { account, amount, grant }, event) => {
    if (amount === 0) return;
    move(draft, account, { expired: amount, available: -amount });
    enter(draft, account, event, { kind: 'expire', amount, reference: grant });
  },
  HoldPlaced: (draft, { account, amount, hold }, event) => {
    move(draft, account, { held: amount, available: -amount });
    enter(draft, account, event, { kind: 'hold', amount, reference: hold });
  },
  HoldSettled: (draft, { account, amount, hold, released, expired }, event) => {
    const held = -(amount + released + expired);
    move(draft, account, { held, spent: amount, available: released, expired });
    enter(draft, account, event, { kind: 'settle', amount, reference: hold });
  },
  HoldVoided: (draft, data, event) => releaseHold(draft, data, event, 'void'),
  HoldExpired: (draft, data, event) => releaseHold(draft, data, event, 'lapse'),
  KeyIssued: (draft, { account, expiresAt, hash, key, role }) =>
    draft.put('keys', hash, { account, expiresAt, key, role, revoked: false }),
  KeyRevoked: (draft, { hash }) => draft.change('keys', hash, { revoked: true }),
  AccountErased: (draft, { account, keys }) => {
    for (const hash of keys) draft.erase('keys', hash);
    draft.erase('accounts', account);
  },
  PhotoAdded: (draft, data, { at }) => {
    const told = { caption: null, rating: null, tags: [], title: null, trashed: false };
    draft.put('photos', data.photo, { ...data, ...told, addedAt: timeOf(at) });
  },
  PhotoEdited: (draft, data) => editPhoto(draft, data),
  PhotoReverted: (draft, { to: _to, ...data }) => editPhoto(draft, data),
  PhotoTrashed: (draft, { photo }) => changePhoto(draft, photo, { trashed: true }),
  PhotoRestored: (draft, { photo }) => changePhoto(draft, photo, { trashed: false }),
  PhotoErased: (draft, { photo }) => {
    for (const album of draft.get('album-photos', photo)?.albums ?? []) leave(draft, album, photo);
    draft.erase('photos', photo);
    draft.erase('album-photos', photo);
  },
  AlbumCreated: (draft, { album, library, title }, { at }) =>
    draft.put('albums', album, { album, library, title, photos: 0, createdAt: timeOf(at) }),
  AlbumRenamed: (draft, { album, title }) => draft.change('albums', album, { title }),
  AlbumPhotoAdded: (draft, { album, photo }) => join(draft, album, photo),
  AlbumPhotoRemoved: (draft, { album, photo }) => leave(draft, album, photo),
  AlbumDeleted: (draft, { album, photos }) => {
    for (const photo of photos) leave(draft, album, photo);
    draft.delete('albums', album);
  },
  AlbumReverted: (draft, { album, library, title, createdAt, added, removed }) => {
    const photos = draft.get('albums', album)?.photos ?? 0;
    draft.put('albums', album, { album, library, title, createdAt, photos });
    for (const photo of removed) leave(draft, album, photo);
    for (const photo of added) join(draft, album, photo);
  },
  DappCreated: (draft, { account, dapp, title }, { at }) =>
    draft.put('dapps', dapp, { account, dapp, title, createdAt: timeOf(at), published: null, state: 'created' }),
  DappDeployed: (draft, data, { at }) =>
    draft.put('deploys', `${data.dapp}/${data.deploy}`, { ...data, deployedAt: timeOf(at) }),
  DeployPublished: (draft, { dapp, deploy }) => draft.change('dapps', dapp, { published: deploy, state: 'published' }),
  DappRolledBack: (draft, { dapp, deploy }) => draft.change('dapps', dapp, { published: deploy, state: 'published' }),
  DappReverted: (draft, { dapp, published, state }) => draft.change('dapps', dapp, { published, state }),
  DappDeleted: (draft, { dapp }) => draft.change('dapps', dapp, { published: null, state: 'deleted' }),
  RefSet: (draft, { position, ref }) => draft.put('refs', ref, { position, ref }),
  RefDeleted: (draft, { ref }) => draft.delete('refs', ref),
  BoardCreated: (draft, data) => draft.put('board-settings', data.board, data),
  PixelPlaced: (draft, { board, x, y, color }) => draft.set(board, x, y, color),
  PixelsReverted: (draft, { board, left, top, pixels }) => {
    const bytes = Buffer.from(pixels, 'base64');
    for (let at = 0; at < bytes.length; at += 3) {
      draft.set(board, left + bytes[at]!, top + bytes[at + 1]!, bytes[at + 2]!);
    }
  },
  ProjectionPromoted: (draft, { projection, generation, version }) =>
    draft.put('promotions', projection, { generation, version }),
};

type Amounts = { readonly [field: string]: number };

/** Adds to what an account has of each. */
function move(draft: Draft, account: string, changes: Amounts): void {
  const balance = draft.get('accounts', account);
  for (const [field, amount] of Object.entries(changes)) balance[field] += amount;
  draft.put('accounts', account, balance);
}

function enter(draft: Draft, account: string, { at, offset }: ModelEvent, entry: ModelDocument): void {
  const key = `${account}/${String(offset).padStart(16, '0')}`;
  draft.put('entries', key, { operation: null, ...entry, at: timeOf(at), offset });
}

// biome-ignore lint/suspicious/noExplicitAny: as above
function releaseHold(draft: Draft, { account, hold, released, expired }: any, event: ModelEvent, kind: string): void {
  const amount = released + expired;
  move(draft, account, { held: -amount, available: released, expired });
  enter(draft, account, event, { kind, amount, reference: hold });
}

// biome-ignore lint/suspicious/noExplicitAny: as above
function editPhoto(draft: Draft, { photo, addedTags = [], removedTags = [], ...set }: any): void {
  const tags = new Set([...draft.get('photos', photo).tags, ...addedTags]);
  for (const tag of removedTags) tags.delete(tag);
  changePhoto(draft, photo, { ...set, tags: [...tags].sort() });
}

function changePhoto(draft: Draft, photo: string, changes: ModelDocument): void {
  draft.change('photos', photo, changes);
  if (draft.get('album-photos', photo) !== null) {
    draft.change('album-photos', photo, { photo: draft.get('photos', photo) });
  }
}

function join(draft: Draft, album: string, photo: string): void {
  const document = draft.get('photos', photo);
  const albums: string[] = draft.get('album-photos', photo)?.albums ?? [];
  if (document === null || albums.includes(album)) return;
  draft.put('album-photos', photo, { albums: [...albums, album].sort(), photo: document });
  draft.change('albums', album, { photos: draft.get('albums', album).photos + 1 });
}

function leave(draft: Draft, album: string, photo: string): void {
  const albums: string[] = draft.get('album-photos', photo)?.albums ?? [];
  if (!albums.includes(album)) return;
  const left = albums.filter((other) => other !== album);
  if (left.length === 0) draft.delete('album-photos', photo);
  else draft.change('album-photos', photo, { albums: left });
  draft.change('albums', album, { photos: draft.get('albums', album).photos - 1 });
}

/** JSON with the names of every object in the order of their UTF-16 units (RFC 8785; numbers are written as JSON does). */
export function canonical(value: Json): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item: Json) => canonical(item)).join(',')}]`;
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join(',')}}`;
}

function timeOf(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
