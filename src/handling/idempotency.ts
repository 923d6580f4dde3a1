import { hash, randomBytes } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { KeyMark } from '#events/event.ts';
import { newId } from '#events/identity.ts';
import { errors } from '../errors.ts';
import type { Fresh, Principal } from './domain.ts';

const HASH_HEX_DIGITS = 32;
const KEY = /^[\x20-\x7e]{1,255}$/;

/** @throws request.invalid for a key that is empty, too long or not printable ASCII. */
export function checkKey(key: string): void {
  if (!KEY.test(key)) {
    throw errors.error('request.invalid', 'an Idempotency-Key has 1 to 255 printable ASCII characters');
  }
}

/** What the event's envelope remembers of a keyed command: who sent which key, and what it asked for. */
export function keyMark(caller: Principal, key: string, type: string, data: unknown): KeyMark {
  return { key: keyHash(caller.actor, key), body: digest(`body\n${type}\n${canonicalize(data)}`) };
}

/** What events remember of an actor's key. */
export function keyHash(actor: string, key: string): string {
  return digest(`key\n${actor}\n${key}`);
}

/** The id that the events of a keyed command derive from: the same for the same caller and key. */
export function commandId(mark: KeyMark): string {
  return digest(`command\n${mark.key}`);
}

/**
 * Server-made values: ids follow from caller and key, so that a retry makes the same; secrets never repeat. `position`
 * tells how far the log has come.
 */
export function fresh(mark: KeyMark | null, position: () => string): Fresh {
  return {
    position,
    id: (name) => (mark === null ? newId() : digest(`id\n${mark.key}\n${name}`)),
    secret: () => {
      const secret = `strata_${randomBytes(24).toString('base64url')}`;
      return { secret, hash: hash('sha256', secret, 'hex') };
    },
  };
}

function digest(text: string): string {
  return hash('sha256', text, 'hex').slice(0, HASH_HEX_DIGITS);
}
