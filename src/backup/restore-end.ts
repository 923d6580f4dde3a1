import { parsePosition } from '#events/position.ts';
import { timeBack } from '#history/as-of.ts';
import { errors } from '../errors.ts';
import { type Manifest, positionOf } from './manifest.ts';

/** The last offset and the last time (ms since 1970) that are restored, both included. */
export type RestoreEnd = { readonly to: number; readonly toTimeMs: number };

const RFC3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/;

/**
 * Where a restored log ends: a position of the backup's epoch, an RFC 3339 time, or an ISO 8601 duration back from now.
 * @throws position.malformed, position.other-epoch, history.future-position
 */
export function endOfRestore(text: string | null, manifest: Manifest, nowMs: number): RestoreEnd {
  const all = { to: Number.MAX_SAFE_INTEGER, toTimeMs: Number.MAX_SAFE_INTEGER };
  if (text === null) return all;
  if (text.startsWith('-P')) return { ...all, toTimeMs: timeBack(text, nowMs) };
  if (RFC3339.test(text)) return { ...all, toTimeMs: Date.parse(text) };
  const { epoch, offsets } = parsePosition(text);
  const [to = 0] = offsets;
  if (epoch !== manifest.epoch || offsets.length !== 1) {
    throw errors.error('position.other-epoch', `"${text}" is not of the backup's epoch ${manifest.epoch}`);
  }
  if (to > manifest.head) {
    throw errors.error('history.future-position', `the backup ends at ${positionOf(manifest)}, before ${text}`);
  }
  return { ...all, to };
}
