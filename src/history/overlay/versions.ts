import { errors } from '../../errors.ts';
import { documentBytes, documentOf } from '../collection/document-bytes.ts';
import type { CollectionView, Db, DocumentVersion, Version, VersionPage } from '../db.ts';
import type { CollectionWriter, Document } from '../projection.ts';
import { readOverlayCursor, writeOverlayCursor } from './cursor.ts';

const PAGE_VERSIONS = 100;

/** What an overlay writes of a collection, and each document's versions above those below. */
export class OverlayVersions {
  readonly #below: CollectionView;
  readonly #belowOffset: number;
  /** Oldest first. */
  readonly #written = new Map<string, DocumentVersion[]>();
  readonly #erased = new Map<string, { readonly offset: number; readonly wasThere: boolean }>();

  constructor(name: string, below: Db) {
    this.#below = below.collection(name);
    this.#belowOffset = below.offset;
  }

  writer(offset: number): CollectionWriter {
    return {
      get: (key) => {
        if (this.#below.isErased(key)) {
          throw errors.error('history.erased', `"${key}" was erased, at every position: nothing can be made of it`);
        }
        return this.#document(key);
      },
      put: (key, document) => this.#write(key, documentBytes(document), offset),
      delete: (key) => this.#write(key, null, offset),
      erase: (key) => {
        if (this.isErased(key)) return;
        this.#erased.set(key, { offset, wasThere: this.current(key) !== null });
        this.#written.set(key, []);
      },
    };
  }

  /** Keys that are not as they are below, or were written again. */
  keys(): IterableIterator<string> {
    return this.#written.keys();
  }

  has(key: string): boolean {
    return this.#written.has(key);
  }

  isErased(key: string): boolean {
    return this.#erased.has(key) || this.#below.isErased(key);
  }

  current(key: string): Version | null {
    return this.#written.has(key) ? this.at(key, Number.POSITIVE_INFINITY) : this.#below.get(key);
  }

  lastChange(key: string): number {
    return this.#erased.get(key)?.offset ?? this.#written.get(key)?.at(-1)?.offset ?? this.#below.lastChange(key);
  }

  /** The document at an offset, here or below; what is erased was never there. */
  at(key: string, offset: number): Version | null {
    if (this.#erased.has(key)) return null;
    const written = this.#written.get(key)?.findLast((version) => version.offset <= offset);
    return written === undefined ? this.below(key, offset) : present(written);
  }

  /** The document below at an offset. */
  below(key: string, offset: number): Version | null {
    if (offset >= this.#belowOffset) return this.#below.get(key);
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page: VersionPage = this.#below.versions({
        key,
        limit: PAGE_VERSIONS,
        ...(cursor !== undefined && { cursor }),
      });
      const found = page.items.find((version) => version.offset <= offset);
      if (found !== undefined) return present(found);
      cursor = page.next;
    }
    return null;
  }

  /** Where the document was erased, and whether there was one; `null` for what is not erased here. */
  erasure(key: string): { readonly offset: number; readonly wasThere: boolean } | null {
    return this.#erased.get(key) ?? null;
  }

  /** Newest first: those written here, then those below. */
  page({ key, limit, cursor }: { key: string; limit: number; cursor?: string }): VersionPage {
    if (this.#erased.has(key)) return { items: [], next: null };
    const { below, last } = readOverlayCursor(cursor);
    const newest = last === null ? Number.POSITIVE_INFINITY : Number(last);
    const written = below === null ? (this.#written.get(key) ?? []).filter(({ offset }) => offset < newest) : [];
    const own = written.toReversed().slice(0, limit);
    if (own.length < written.length) {
      return { items: own, next: writeOverlayCursor({ below: null, last: String(own.at(-1)!.offset) }) };
    }
    const left = limit - own.length;
    if (left === 0) return { items: own, next: writeOverlayCursor({ below: null, last: '0' }) };
    const { items, next } = this.#below.versions({ key, limit: left, ...(below !== null && { cursor: below }) });
    return { items: [...own, ...items], next: next === null ? null : writeOverlayCursor({ below: next, last: '0' }) };
  }

  #document(key: string): Document | null {
    const version = this.current(key);
    return version === null ? null : documentOf(version.bytes);
  }

  /** Of several writes at one offset the last counts, and the same bytes again are no version, as in a fold that is kept. */
  #write(key: string, bytes: Buffer | null, offset: number): void {
    if (this.isErased(key)) return;
    const versions = this.#written.get(key) ?? [];
    if (versions.at(-1)?.offset === offset) versions.pop();
    const last = versions.at(-1);
    const before = last === undefined ? (this.#below.get(key)?.bytes ?? null) : last.bytes;
    if (!isSame(before, bytes)) versions.push({ key, offset, bytes });
    if (versions.length > 0) this.#written.set(key, versions);
    else this.#written.delete(key);
  }
}

function isSame(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b);
}

function present({ key, bytes, offset }: DocumentVersion): Version | null {
  return bytes === null ? null : { key, bytes, offset };
}
