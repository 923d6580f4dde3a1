import type { Json } from '#events/event.ts';
import type { Document } from './projection.ts';

/**
 * Canonical JSON (RFC 8785): names sorted by UTF-16 units, numbers and strings as ECMAScript writes them, which is how the
 * RFC defines them.
 */
export function documentBytes(document: Document): Buffer {
  return Buffer.from(isSorted(document) ? JSON.stringify(document) : canonical(document), 'utf8');
}

export function documentOf(bytes: Buffer): Document {
  // Only `documentBytes` made them.
  return JSON.parse(bytes.toString('utf8')) as Document;
}

/** Documents that were read are in order already, and a fold's changes keep it: the engine's own writer does then. */
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

function canonical(value: Json): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const fields = value as Document;
  const names = Object.keys(fields).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(fields[name]!)}`).join(',')}}`;
}
