import { z } from 'zod';
import type { StrataError } from '../errors.ts';

/** What a client may say: JSON text messages. */
export const clientMessage = z.discriminatedUnion('op', [
  z.strictObject({ op: z.literal('auth'), key: z.string().min(1).max(512) }),
  z.strictObject({ op: z.literal('subscribe'), topic: z.string().max(80), after: z.string().max(512).optional() }),
  z.strictObject({ op: z.literal('unsubscribe'), topic: z.string().max(80) }),
  z.strictObject({ op: z.literal('ping') }),
]);

export type ClientMessage = z.infer<typeof clientMessage>;

/** Closing codes of Strata's own, from the range that RFC 6455 leaves to applications. */
export const CLOSED = {
  /** RFC 6455: the server restarts; connect again, after a random while. */
  restart: 1012,
  keyRevoked: 4401,
  tooSlow: 4408,
} as const;

export function subscribedMessage(topic: string, position: string, recovered: boolean): string {
  return JSON.stringify({ op: 'subscribed', topic, position, recovered });
}

/** `event` is JSON text. */
export function eventMessage(topic: string, position: string, event: string): string {
  return `{"op":"event","topic":${JSON.stringify(topic)},"position":"${position}","event":${event}}`;
}

export function errorMessage(error: StrataError, topic: string | null): string {
  const { code, status, title, message } = error;
  return JSON.stringify({ op: 'error', topic, code, status, title, detail: message });
}
