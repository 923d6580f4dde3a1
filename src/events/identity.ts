import { hash, randomBytes } from 'node:crypto';

const ID_HEX_DIGITS = 32;

const processPrefix = randomBytes(10).toString('hex');
let made = 0;

/** 32 hex digits that no other process and no other call makes: cheaper than asking for randomness, or a hash, every time. */
export function newId(): string {
  made += 1;
  return processPrefix + made.toString(16).padStart(ID_HEX_DIGITS - processPrefix.length, '0');
}

/**
 * The id of a command's `index`-th event: the first 16 bytes of a SHA-256, as 32 lower-case hex digits. The same command
 * makes the same ids again, so a write that is sent twice can be told.
 *
 * Hashed is `<bytes of the stream's name>:<stream><bytes of the command id>:<command id><index>`, as netstrings have it, so
 * that no two triples are one text.
 */
export function eventId(stream: string, commandId: string, index: number): string {
  return hash('sha256', `${prefixed(stream)}${prefixed(commandId)}${index}`, 'hex').slice(0, ID_HEX_DIGITS);
}

function prefixed(text: string): string {
  return `${Buffer.byteLength(text)}:${text}`;
}
