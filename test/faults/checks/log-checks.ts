import { type Check, Findings } from '#src/audit/report.ts';
import type { LoggedEvent } from './evidence.ts';

type Last = { readonly revision: number; readonly at: string; readonly recordedAt: string };

const BEFORE_FIRST: Last = { revision: -1, at: '', recordedAt: '' };

/** Positions rise one by one from 1, revisions of every stream from 0, and its times never fall; no id comes twice. */
export function checkOrder(log: readonly LoggedEvent[]): Check {
  const findings = new Findings();
  const streams = new Map<string, Last>();
  const ids = new Set<string>();
  for (const [index, event] of log.entries()) {
    const { id, offset, stream, revision } = event;
    if (offset !== index + 1) findings.add(`position ${offset} comes as number ${index + 1}`);
    const last = streams.get(stream) ?? BEFORE_FIRST;
    if (revision !== last.revision + 1) {
      findings.add(`position ${offset}: ${stream} has revision ${revision} after ${last.revision}`);
    }
    // RFC 3339 in UTC with milliseconds: texts in their order are times in theirs.
    if (event.at < last.at || event.recordedAt < last.recordedAt) {
      findings.add(`position ${offset}: ${stream} goes back in time, to ${event.at} and ${event.recordedAt}`);
    }
    if (ids.has(id)) findings.add(`position ${offset}: the id ${id} comes twice`);
    streams.set(stream, event);
    ids.add(id);
  }
  return findings.check('positions and streams are contiguous', `${log.length} events, ${streams.size} streams`);
}

/** Nobody places two pixels on a board within its cooldown, by the times that events have. */
export function checkCooldown(log: readonly LoggedEvent[], board: string, cooldownSeconds: number): Check {
  const findings = new Findings();
  const last = new Map<string, number>();
  let pixels = 0;
  for (const { type, data, at, actor, offset } of log) {
    if (type !== 'PixelPlaced' || data.board !== board) continue;
    pixels += 1;
    const atMs = Date.parse(at);
    const waitedMs = atMs - (last.get(actor) ?? Number.NEGATIVE_INFINITY);
    if (waitedMs < cooldownSeconds * 1000) {
      findings.add(`position ${offset}: ${actor} placed a pixel ${waitedMs} ms after the last one`);
    }
    last.set(actor, atMs);
  }
  return findings.check('no pixel came early', `${pixels} pixels of ${last.size} actors`);
}
