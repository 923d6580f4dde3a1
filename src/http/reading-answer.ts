import { hash } from 'node:crypto';
import type { Principal } from '#handling/domain.ts';
import type { AsOf } from '#history/as-of.ts';
import type { Reader, Reading, Rendering } from '#history/routes.ts';

const ANONYMOUS: Reader = { role: 'anonymous', account: null };

/** Tells readers apart; no account's name begins with `@`. */
export function readerTag(caller: Principal | null): string {
  if (caller === null) return '';
  return caller.role === 'account' && caller.account !== null ? caller.account : '@admin';
}

/** Who reads, as queries are told. */
export function readerOf(caller: Principal | null): Reader {
  if (caller === null) return ANONYMOUS;
  return { role: caller.role === 'account' ? 'account' : 'admin', account: caller.account };
}

/** As DESIGN's "Caching": only an exact position of public data never changes. */
export function cachingHeaders(reading: Reading, asOf: AsOf | null, location: string | null): string[] {
  if (asOf?.exact === true && reading.public === true) {
    return ['Cache-Control', 'public, max-age=31536000, immutable'];
  }
  if (reading.public !== true) return [...named(location), 'Cache-Control', 'private, no-cache'];
  if (asOf !== null) return [...named(location), 'Cache-Control', 'no-cache'];
  const seconds = reading.maxAgeSeconds ?? 0;
  return ['Cache-Control', seconds > 0 ? `public, max-age=${seconds}` : 'public, no-cache'];
}

function named(location: string | null): string[] {
  return location === null ? [] : ['Content-Location', location];
}

/** The blob that is the answer, where the reading names one. */
export function blobOf({ body }: Reading): string | null {
  if (typeof body !== 'object' || !('blob' in body) || typeof body.blob !== 'string') return null;
  return Object.keys(body).length === 1 ? body.blob : null;
}

/** The same address with exact positions in place of what was asked for. */
export function locationAt(url: string, rawQuery: string, positions: { readonly [name: string]: string }): string {
  const query = new URLSearchParams(rawQuery);
  for (const [name, position] of Object.entries(positions)) query.set(name, position);
  return `${url}?${query.toString()}`;
}

/** The answer's body as it is sent. */
export function bytesOf(body: Exclude<Reading['body'], Rendering>): string | Uint8Array {
  if (typeof body === 'string' || body instanceof Uint8Array) return body;
  return JSON.stringify(body);
}

/** The tag of bytes that an erasure may still change, though their position never does. */
export function tagOfBytes(body: string | Uint8Array): string {
  return hash('sha256', body, 'hex').slice(0, 32);
}
