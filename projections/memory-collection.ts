import { documentBytes } from '#history/collection/document-bytes.ts';
import type { ChangesQuery, CollectionView, DocumentChange, ListQuery, Version } from '#history/db.ts';
import { DocumentHasher, FingerprintSum } from '#history/fingerprint.ts';
import type { CollectionDefinition, CollectionWriter, Document, SortValue } from '#history/projection.ts';
import { textKey } from '#history/storage/tree-key.ts';
import { assert } from '#src/assert.ts';
import { memoryPage } from './memory-page.ts';

type Kept = { readonly offset: number; readonly document: Document | null };

type Erased = {
  readonly offset: number;
  readonly wasThere: boolean;
  /** What there was: counts are kept as they were. */
  readonly past: readonly Kept[];
};

/** A collection in plain maps: every version of every document, oldest first. */
export class MemoryCollection {
  readonly #definition: CollectionDefinition;
  readonly #versions = new Map<string, Kept[]>();
  readonly #erased = new Map<string, Erased>();

  constructor(definition: CollectionDefinition) {
    this.#definition = definition;
  }

  /** For the fold of the event at `offset`. */
  writer(offset: number): CollectionWriter {
    const write = (key: string, document: Document | null) => {
      const kept = this.#versions.get(key) ?? [];
      if (this.#erased.has(key)) return;
      if (kept.at(-1)?.offset === offset) kept.pop();
      if (!isSame(kept.at(-1)?.document ?? null, document)) kept.push({ offset, document });
      this.#versions.set(key, kept);
    };
    return {
      get: (key) => this.#at(key, offset)?.document ?? null,
      put: write,
      delete: (key) => write(key, null),
      erase: (key) => {
        if (this.#erased.has(key)) return;
        const past = this.#versions.get(key) ?? [];
        this.#erased.set(key, { offset, wasThere: this.#version(key, offset) !== null, past });
        this.#versions.set(key, []);
      },
    };
  }

  view(offset: number): CollectionView {
    return {
      get: (key) => this.#version(key, offset),
      lastChange: (key) => {
        const erased = this.#erased.get(key)?.offset ?? offset + 1;
        return erased <= offset ? erased : (this.#at(key, offset)?.offset ?? 0);
      },
      list: (query) => this.#page(this.#listed(query, offset), query, offset),
      scan: ({ prefix, descending = false, ...query }) => {
        const keys = this.#keys(offset).filter((key) => key.startsWith(prefix));
        return this.#page(descending ? keys.reverse() : keys, query, offset);
      },
      count: (counter, value) => this.#counted(counter, value, offset),
      isErased: (key) => this.#erased.has(key),
      versions: ({ key, limit, cursor }) => {
        const kept = (this.#versions.get(key) ?? []).filter((each) => each.offset <= offset).reverse();
        const items = kept.map((each) => ({ key, offset: each.offset, bytes: bytesOf(each.document) }));
        return memoryPage(items, limit, cursor);
      },
      changes: (query) => memoryPage(this.#changes(query, offset), query.limit, query.cursor),
      changeCounts: async (query) => {
        const counts = { added: 0, removed: 0, changed: 0 };
        for (const { change } of this.#changes(query, offset)) counts[change] += 1;
        return counts;
      },
      fingerprint: async () => {
        const hasher = new DocumentHasher(this.#definition.name);
        const sum = new FingerprintSum();
        for (const key of this.#keys(offset)) sum.add(hasher.hash(textKey(key), this.#version(key, offset)!.bytes));
        return sum.value();
      },
    };
  }

  #at(key: string, offset: number): Kept | undefined {
    return keptAt(this.#versions.get(key) ?? [], offset);
  }

  #version(key: string, offset: number): Version | null {
    const kept = this.#at(key, offset);
    const bytes = bytesOf(kept?.document ?? null);
    return kept === undefined || bytes === null ? null : { key, bytes, offset: kept.offset };
  }

  /** Of documents that are there, in order. */
  #keys(offset: number): string[] {
    return [...this.#versions.keys()].filter((key) => this.#version(key, offset) !== null).sort(compare);
  }

  #documents(offset: number): { readonly key: string; readonly document: Document }[] {
    return this.#keys(offset).map((key) => ({ key, document: this.#at(key, offset)!.document! }));
  }

  #listed(query: ListQuery, offset: number): string[] {
    const index = this.#definition.indexes[query.index];
    assert(index !== undefined, `there is an index ${query.index}`);
    const { sortAfter, sortBefore } = query;
    const rows = this.#documents(offset).flatMap(({ key, document }) => {
      const values = [index.value(document)].flat();
      const sort = index.sort(document);
      const isWithin =
        (sortAfter === undefined || compare(sort, sortAfter) > 0) &&
        (sortBefore === undefined || compare(sort, sortBefore) < 0);
      return values.includes(query.value) && isWithin ? [{ key, sort }] : [];
    });
    rows.sort((a, b) => compare(a.sort, b.sort) || compare(a.key, b.key));
    if (query.descending === true) rows.reverse();
    return rows.map(({ key }) => key);
  }

  #counted(counter: string, value: string, offset: number): number {
    const counted = this.#definition.counters[counter]!;
    const documents: (Document | null)[] = this.#documents(offset).map(({ document }) => document);
    for (const erased of this.#erased.values()) {
      if (erased.offset > offset) documents.push(keptAt(erased.past, offset)?.document ?? null);
    }
    return documents.filter((document) => document !== null && counted(document) === value).length;
  }

  #changes({ from, prefix = '', documents = true }: Omit<ChangesQuery, 'limit'>, to: number): DocumentChange[] {
    const changes = [...this.#versions.keys()]
      .filter((key) => key.startsWith(prefix))
      .flatMap((key) => this.#change(key, from, to));
    changes.sort((a, b) => a.offset - b.offset);
    return documents ? changes : changes.map((change) => ({ ...change, before: null, after: null }));
  }

  #change(key: string, from: number, to: number): DocumentChange[] {
    const erased = this.#erased.get(key);
    if (erased !== undefined) {
      const { offset, wasThere } = erased;
      const isWithin = wasThere && from < offset && offset <= to;
      return isWithin ? [{ key, change: 'removed', before: null, after: null, offset }] : [];
    }
    const before = this.#version(key, from);
    const after = this.#version(key, to);
    const { offset } = this.#at(key, to) ?? { offset: 0 };
    if (before === null) return after === null ? [] : [{ key, change: 'added', before, after, offset }];
    if (after === null) return [{ key, change: 'removed', before, after, offset }];
    return after.bytes.equals(before.bytes) ? [] : [{ key, change: 'changed', before, after, offset }];
  }

  #page(keys: readonly string[], { limit, cursor, where }: Pick<ListQuery, 'limit' | 'cursor' | 'where'>, at: number) {
    const found = keys.map((key) => this.#version(key, at)!).filter(({ bytes }) => where === undefined || where(bytes));
    return memoryPage(found, limit, cursor);
  }
}

function keptAt(versions: readonly Kept[], offset: number): Kept | undefined {
  return versions.findLast((kept) => kept.offset <= offset);
}

function bytesOf(document: Document | null): Buffer | null {
  return document === null ? null : documentBytes(document);
}

function isSame(a: Document | null, b: Document | null): boolean {
  return a === null || b === null ? a === b : documentBytes(a).equals(documentBytes(b));
}

/** `null` before numbers before strings, which stand by their UTF-8 bytes. */
function compare(a: SortValue, b: SortValue): number {
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b));
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return rank(a) - rank(b);
}

function rank(value: SortValue): number {
  if (value === null) return 0;
  return typeof value === 'number' ? 1 : 2;
}
