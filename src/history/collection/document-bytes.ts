import { canonicalJson } from '#events/canonical-json.ts';
import type { Json } from '#events/event.ts';
import type { Document } from '../projection.ts';

/** Canonical JSON (RFC 8785). */
export function documentBytes(document: Document): Buffer {
  return Buffer.from(isSorted(document) ? JSON.stringify(document) : canonicalJson(document), 'utf8');
}

export function documentOf(bytes: Buffer): Document {
  // Only `documentBytes` made them.
  return JSON.parse(bytes.toString('utf8')) as Document;
}

/** Documents that were read are in order already, and a fold's changes keep it: then the runtime's own writer is faster. */
function isSorted(value: Json): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object' && !isSorted(item)) return false;
    return true;
  }
  let last: string | null = null;
  for (const name in value) {
    if (last !== null && name <= last) return false;
    last = name;
    const item = (value as Document)[name]!;
    if (typeof item === 'object' && !isSorted(item)) return false;
  }
  return true;
}
