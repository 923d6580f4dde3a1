import { ByteReader, type ByteWriter } from '../storage/byte-codec.ts';

/** How a version lies in the version file. A patch is against the last whole version before it in the same list. */
export const WHOLE = 0;
export const PATCH = 1;
export const DELETED = 2;
/** All versions were destroyed. It stands alone in the list, at the offset of the erasure. */
export const ERASED = 3;

export type VersionEntry = {
  readonly offset: number;
  readonly pointer: number;
  /** In bytes; 0 for a deletion; of an erasure 1 if there was a document until then. */
  readonly length: number;
  readonly kind: typeof WHOLE | typeof PATCH | typeof DELETED | typeof ERASED;
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
  const hasOlder = visitVersions(bytes, (offset, pointer, length, kind) => {
    versions.push({ offset, pointer, length, kind });
    return true;
  });
  return { versions: versions.reverse(), hasOlder };
}

/** An entry's fields: most are passed over, and make no object. */
type VisitVersion = (offset: number, pointer: number, length: number, kind: VersionEntry['kind']) => boolean;

/** Visits versions from the newest while `visit` returns true; tells whether there are older lists. */
function visitVersions(bytes: Uint8Array, visit: VisitVersion): boolean {
  const reader = new ByteReader(bytes, 1);
  let offset = 0;
  let pointer = 0;
  for (let isNewest = true; reader.at < bytes.length; isNewest = false) {
    offset = isNewest ? reader.varint() : offset - reader.varint();
    pointer = isNewest ? reader.varint() : pointer - reader.varint();
    const packed = reader.varint();
    const kind = (packed & 3) as VersionEntry['kind'];
    if (!visit(offset, pointer, Math.floor(packed / 4), kind)) break;
  }
  return bytes[0] === HAS_OLDER;
}

/** True when the list says that its document was erased. */
export function isErasure(bytes: Uint8Array): boolean {
  let isErased = false;
  visitVersions(bytes, (_offset, _pointer, _length, kind) => {
    isErased = kind === ERASED;
    return false;
  });
  return isErased;
}

/** A version and, for a patch, the whole version that it is against. */
export type FoundVersion = { readonly entry: VersionEntry; readonly base: VersionEntry | null };

/** The newest version at or before `offset`; `older` when only an older list can have it. */
export function findVersion(bytes: Uint8Array, offset: number): FoundVersion | 'older' | null {
  let entry: VersionEntry | null = null;
  let base: VersionEntry | null = null;
  const hasOlder = visitVersions(bytes, (at, pointer, length, kind) => {
    if (entry === null) {
      if (at > offset) return true;
      entry = { offset: at, pointer, length, kind };
      return kind === PATCH;
    }
    if (kind !== WHOLE) return true;
    base = { offset: at, pointer, length, kind };
    return false;
  });
  if (entry !== null) return { entry, base };
  return hasOlder ? 'older' : null;
}

/** Every version in the list, newest first. */
export function foundVersions(bytes: Uint8Array): FoundVersion[] {
  let base: VersionEntry | null = null;
  return readVersions(bytes)
    .versions.map((entry) => {
      if (entry.kind === WHOLE) base = entry;
      return { entry, base: entry.kind === PATCH ? base : null };
    })
    .reverse();
}

/** The newest versions at or before two offsets, the second higher. */
export type FoundChange = {
  readonly before: FoundVersion | 'older' | null;
  readonly after: FoundVersion | 'older' | null;
  /** True when no version stands between the two, so that they differ: a write of the same bytes is no version. */
  readonly isOne: boolean;
};

/** `after` is the newest version at or before `to`, `before` the newest at or before `from`: one pass over the list. */
export function findChange(bytes: Uint8Array, from: number, to: number): FoundChange {
  let after: VersionEntry | null = null;
  let afterBase: VersionEntry | null = null;
  let before: VersionEntry | null = null;
  let beforeBase: VersionEntry | null = null;
  let between = 0;
  const hasOlder = visitVersions(bytes, (offset, pointer, length, kind) => {
    if (offset > to) return true;
    if (offset > from) between += 1;
    const isBase = kind === WHOLE && (before !== null || (after !== null && afterBase === null));
    if (after !== null && offset > from && !isBase) return true;
    const entry = { offset, pointer, length, kind };
    if (after === null) after = entry;
    else if (isBase) afterBase ??= entry;
    if (before !== null) {
      if (isBase) beforeBase = entry;
      return !isBase;
    }
    if (offset > from) return true;
    before = entry;
    return kind === PATCH;
  });
  const rest = hasOlder ? 'older' : null;
  return {
    before: before === null ? rest : { entry: before, base: beforeBase },
    after: after === null ? rest : { entry: after, base: afterBase },
    isOne: before !== null && between === 1,
  };
}

/** The last whole version in a list, unless a deletion stands after it. */
export function baseOf(versions: readonly VersionEntry[]): VersionEntry | null {
  for (let at = versions.length - 1; at >= 0; at--) {
    if (versions[at]!.kind === WHOLE) return versions[at]!;
    if (versions[at]!.kind === DELETED) return null;
  }
  return null;
}

/** True where the version has a record in the version file. */
export function isRecord({ kind }: VersionEntry): boolean {
  return kind === WHOLE || kind === PATCH;
}
