import { assert } from '../../assert.ts';
import { documentOf } from '../collection/document-bytes.ts';
import type {
  ChangeCounts,
  ChangePage,
  ChangesQuery,
  CollectionView,
  Db,
  Fingerprint,
  ListQuery,
  Page,
  Version,
  VersionPage,
} from '../db.ts';
import { DocumentHasher, FingerprintSum } from '../fingerprint.ts';
import type { CollectionDefinition, CollectionWriter } from '../projection.ts';
import { documentKey } from '../storage/tree-key.ts';
import { overlayChangeCounts, overlayChanges } from './changes.ts';
import { isListed, listRow, mergedPage } from './rows.ts';
import { OverlayVersions } from './versions.ts';

/** A collection with what an overlay wrote on top. Costs what lies below, and a look at all that was written. */
export class OverlayCollection implements CollectionView {
  readonly #definition: CollectionDefinition;
  readonly #below: CollectionView;
  readonly #belowOffset: number;
  readonly #versions: OverlayVersions;

  constructor(definition: CollectionDefinition, below: Db) {
    this.#definition = definition;
    this.#below = below.collection(definition.name);
    this.#belowOffset = below.offset;
    this.#versions = new OverlayVersions(definition.name, below);
  }

  writer(offset: number): CollectionWriter {
    return this.#versions.writer(offset);
  }

  get(key: string): Version | null {
    return this.#versions.current(key);
  }

  lastChange(key: string): number {
    return this.#versions.lastChange(key);
  }

  list(query: ListQuery): Page {
    const { cursor, ...asked } = query;
    const index = this.#definition.indexes[query.index];
    assert(index !== undefined, `the collection ${this.#definition.name} has an index ${query.index}`);
    const rowOf = (version: Version) => listRow(index, version);
    return this.#merged(query, {
      below: (from) => this.#below.list({ ...asked, ...(from !== null && { cursor: from }) }),
      rowOf,
      own: this.#written((version) => isListed(index, query, version)).map((version) => ({
        row: rowOf(version),
        version,
      })),
    });
  }

  scan(query: { prefix: string; limit: number; cursor?: string; descending?: boolean }): Page {
    const { cursor, ...asked } = query;
    const rowOf = ({ key }: Version) => documentKey(key);
    return this.#merged(query, {
      below: (from) => this.#below.scan({ ...asked, ...(from !== null && { cursor: from }) }),
      rowOf,
      own: this.#written(({ key }) => key.startsWith(query.prefix)).map((version) => ({
        row: rowOf(version),
        version,
      })),
    });
  }

  count(counter: string, value: string): number {
    const counted = this.#definition.counters[counter];
    assert(counted !== undefined, `the collection ${this.#definition.name} has a counter ${counter}`);
    const one = (version: Version | null) => (version !== null && counted(documentOf(version.bytes)) === value ? 1 : 0);
    let count = this.#below.count(counter, value);
    for (const key of this.#versions.keys()) count += one(this.get(key)) - one(this.#below.get(key));
    return count;
  }

  isErased(key: string): boolean {
    return this.#versions.isErased(key);
  }

  versions(query: { key: string; limit: number; cursor?: string }): VersionPage {
    return this.#versions.page(query);
  }

  changes(query: ChangesQuery): ChangePage {
    return overlayChanges(query, this.#versions, { documents: this.#below, offset: this.#belowOffset });
  }

  changeCounts(query: { from: number; prefix?: string }): Promise<ChangeCounts> {
    return overlayChangeCounts(query, this.#versions, { documents: this.#below, offset: this.#belowOffset });
  }

  async fingerprint(): Promise<Fingerprint> {
    const sum = new FingerprintSum(await this.#below.fingerprint());
    const hasher = new DocumentHasher(this.#definition.name);
    for (const key of this.#versions.keys()) {
      const [before, after] = [this.#below.get(key), this.get(key)];
      if (before !== null) sum.subtract(hasher.hash(documentKey(key), before.bytes));
      if (after !== null) sum.add(hasher.hash(documentKey(key), after.bytes));
    }
    return sum.value();
  }

  /** The overlay's own documents, where they are there still. */
  #written(isWanted: (version: Version) => boolean): Version[] {
    return [...this.#versions.keys()].flatMap((key) => {
      const version = this.get(key);
      return version !== null && isWanted(version) ? [version] : [];
    });
  }

  #merged(
    { limit, cursor, descending }: { readonly limit: number; readonly cursor?: string; readonly descending?: boolean },
    rows: Pick<Parameters<typeof mergedPage>[0], 'below' | 'rowOf' | 'own'>,
  ): Page {
    return mergedPage({
      limit,
      ...(cursor !== undefined && { cursor }),
      ...(descending !== undefined && { descending }),
      isHidden: (key) => this.#versions.has(key),
      ...rows,
    });
  }
}
