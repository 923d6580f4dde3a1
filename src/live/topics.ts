import type { RecordedEvent } from '#events/event.ts';
import type { Principal } from '#handling/domain.ts';
import { errors } from '../errors.ts';

/** Something to subscribe to. */
export type Topic = {
  /** As clients name it: `boards/demo`. */
  readonly name: string;
  /** What its messages are published under: account keys see other photos than an admin does. */
  readonly channel: string;
  /** Pixels go out as binary frames. */
  readonly board: string | null;
  /** Sealed fields are opened: only those who may see them can subscribe. */
  readonly open: boolean;
  /** Readable without a key. */
  readonly isPublic: boolean;
  /** Checked again while the client stays. */
  readonly mayRead: (caller: Principal | null) => boolean;
};

const NAME = '[a-z0-9][a-z0-9-]{0,62}';
const BOARD = new RegExp(`^boards/(${NAME})$`);
const ALBUM = /^albums\/([0-9a-f]{32})$/;
const ACCOUNT = new RegExp(`^accounts/(${NAME})$`);

/** What anyone may see of dapps: what becomes public, and what ceases to be. */
const PUBLISHED = 'dapps/published';
const PUBLIC_DAPP_EVENTS: ReadonlySet<string> = new Set(['DeployPublished', 'DappRolledBack', 'DappDeleted']);

const anyone = () => true;
const isAdmin = (caller: Principal | null) => caller?.role === 'admin';

/**
 * The topic of a name, for this caller.
 * @throws live.unknown-topic for no topic and for what the key may not see; auth.required, auth.forbidden.
 */
export function topicFor(name: string, caller: Principal | null): Topic {
  const board = BOARD.exec(name)?.[1];
  if (board !== undefined) return { name, channel: name, board, open: false, isPublic: true, mayRead: anyone };
  if (name === 'dapps' && !isAdmin(caller)) {
    return { name, channel: PUBLISHED, board: null, open: false, isPublic: true, mayRead: anyone };
  }

  const account = ACCOUNT.exec(name)?.[1];
  const album = ALBUM.exec(name)?.[1];
  if (account === undefined && album === undefined && !['dapps', 'photos', 'events'].includes(name))
    throw unknown(name);
  if (caller === null) throw errors.error('auth.required', `the topic "${name}" takes a key`);
  if (account !== undefined) {
    const mayRead = (now: Principal | null) => isAdmin(now) || now?.account === account;
    if (!mayRead(caller)) throw unknown(name);
    return { name, channel: name, board: null, open: true, isPublic: false, mayRead };
  }
  // An account's key hears of its own albums: of another's, as of one that is not there, nothing is ever sent.
  if ((name === 'photos' || album !== undefined) && caller.role === 'account') {
    const { account: library } = caller;
    const mayRead = (now: Principal | null) => now !== null && now.account === library;
    return { name, channel: `${name}/${library}`, board: null, open: true, isPublic: false, mayRead };
  }
  if (!isAdmin(caller)) throw errors.error('auth.forbidden', `the topic "${name}" takes the key of an admin`);
  return { name, channel: name, board: null, open: true, isPublic: false, mayRead: isAdmin };
}

/** A channel that gets an event as JSON, and the topic that its clients know it by. */
export type Delivery = { readonly channel: string; readonly topic: string; readonly open: boolean };

/** Which channels get which events: by the stream's name, and for photos and albums by their library too. */
export function deliveriesOf(
  event: RecordedEvent,
  libraryOf: (event: RecordedEvent) => string | null,
): readonly Delivery[] {
  const { stream } = event;
  const deliveries: Delivery[] = [{ channel: 'events', topic: 'events', open: true }];
  if (stream.startsWith('board-')) {
    const topic = `boards/${stream.slice('board-'.length)}`;
    deliveries.push({ channel: topic, topic, open: false });
  } else if (stream.startsWith('dapp-')) {
    deliveries.push({ channel: 'dapps', topic: 'dapps', open: true });
    if (isPublicOfDapp(event)) deliveries.push({ channel: PUBLISHED, topic: 'dapps', open: false });
  } else if (stream.startsWith('account-')) {
    const topic = `accounts/${stream.slice('account-'.length)}`;
    deliveries.push({ channel: topic, topic, open: true });
  } else if (stream.startsWith('photo-')) {
    deliveries.push({ channel: 'photos', topic: 'photos', open: true });
    const library = libraryOf(event);
    if (library !== null) deliveries.push({ channel: `photos/${library}`, topic: 'photos', open: true });
  } else if (stream.startsWith('album-')) {
    const topic = `albums/${stream.slice('album-'.length)}`;
    deliveries.push({ channel: topic, topic, open: true });
    const library = libraryOf(event);
    if (library !== null) deliveries.push({ channel: `${topic}/${library}`, topic, open: true });
  }
  return deliveries;
}

function isPublicOfDapp({ type, data }: RecordedEvent): boolean {
  if (type === 'DappReverted') return data.published !== null || data.previous !== null;
  return PUBLIC_DAPP_EVENTS.has(type);
}

function unknown(name: string) {
  return errors.error('live.unknown-topic', `there is no topic "${name.slice(0, 80)}"`);
}
