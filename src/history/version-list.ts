import { ByteReader, type ByteWriter } from './byte-codec.ts';

/** How a version lies in the version file. A patch is against the last whole version before it in the same list. */
export const WHOLE = 0;
export const PATCH = 1;
export const DELETED = 2;

export type VersionEntry = {
  readonly offset: number;
  readonly pointer: number;
  /** In bytes; 0 for a deletion. */
  readonly length: number;
  readonly kind: typeof WHOLE | typeof PATCH | typeof DELETED;
};

/** At most this many versions a list; a list begins with a whole version or a deletion. */
export const VERSIONS_MAX = 32;

const HAS_OLDER = 1;

/**
 * The versions of one document, newest first: a flag byte, then an entry each of offset, pointer and `length * 4 + kind`, as
 * varints; offsets and pointers after the first as how much less they are.
 *
 * A document's newest list is its row in the tree `heads`, so that a current read and most past ones take one look-up, and a
 * new version one write. Full lists move to the tree `older`.
 */
export function writeVersions(versions: readonly VersionEntry[], hasOlder: boolean, to: ByteWriter): void {
  to.byte(hasOlder ? HAS_OLDER : 0);
  let offset = 0;
  let pointer = 0;
  for (let index = versions.length - 1; index >= 0; index--) {
    const entry = versions[index]!;
    const isNewest = index === versions.length - 1;
    to.varint(isNewest ? entry.offset : offset - entry.offset);
    to.varint(isNewest ? entry.pointer : pointer - entry.pointer);
    to.varint(entry.length * 4 + entry.kind);
    offset = entry.offset;
    pointer = entry.pointer;
  }
}

export type VersionList = { readonly versions: VersionEntry[]; readonly hasOlder: boolean };

/** Oldest first. */
export function readVersions(bytes: Uint8Array): VersionList {
  const versions: VersionEntry[] = [];
  const hasOlder = visitVersions(bytes, (entry) => {
    versions.push(entry);
    return true;
  });
  return { versions: versions.reverse(), hasOlder };
}

/** Visits versions from the newest while `visit` returns true; tells whether there are older lists. */
function visitVersions(bytes: Uint8Array, visit: (entry: VersionEntry) => boolean): boolean {
  const reader = new ByteReader(bytes, 1);
  let offset = 0;
  let pointer = 0;
  for (let isNewest = true; reader.at < bytes.length; isNewest = false) {
    offset = isNewest ? reader.varint() : offset - reader.varint();
    pointer = isNewest ? reader.varint() : pointer - reader.varint();
    const packed = reader.varint();
    const kind = (packed & 3) as VersionEntry['kind'];
    if (!visit({ offset, pointer, length: Math.floor(packed / 4), kind })) break;
  }
  return bytes[0] === HAS_OLDER;
}

/** A version and, for a patch, the whole version that it is against. */
export type FoundVersion = { readonly entry: VersionEntry; readonly base: VersionEntry | null };

/** The newest version at or before `offset`; `older` when only an older list can have it. */
export function findVersion(bytes: Uint8Array, offset: number): FoundVersion | 'older' | null {
  let entry: VersionEntry | null = null;
  let base: VersionEntry | null = null;
  const hasOlder = visitVersions(bytes, (candidate) => {
    if (entry === null) {
      if (candidate.offset > offset) return true;
      entry = candidate;
      return candidate.kind === PATCH;
    }
    base = candidate;
    return candidate.kind !== WHOLE;
  });
  if (entry !== null) return { entry, base };
  return hasOlder ? 'older' : null;
}
