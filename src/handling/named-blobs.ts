import type { BlobStore } from '#blobs/blob-store.ts';
import type { Projections } from '#history/db.ts';
import { isStrataError } from '../errors.ts';
import type { BlobReferences, Domain } from './domain.ts';

/** How long projections may take to follow the log. */
const WAIT_MS_MAX = 60_000;
/** Blobs asked about between two turns of the event loop. */
const ASKED_A_TURN = 500;

export type NamedBlobsOptions = {
  readonly domains: readonly Domain[];
  readonly projections: Projections;
  readonly blobs: BlobStore;
  /** The last synced offset. */
  readonly head: () => number;
};

/**
 * Those of some blobs that a document names, or a manifest that a document names, as of all that is in the log now.
 * @throws history.not-yet when projections do not follow
 */
export async function namedAmong(sha256s: readonly string[], options: NamedBlobsOptions): Promise<Set<string>> {
  const { domains, projections, head } = options;
  const references = domains.map(({ blobs }) => blobs).filter((blobs) => blobs !== undefined);
  await projections.waitFor(head(), WAIT_MS_MAX);
  const named = new Set<string>();
  for (const [at, sha256] of sha256s.entries()) {
    const db = projections.db();
    if (references.some(({ isNamed }) => isNamed(db, sha256))) named.add(sha256);
    if (at % ASKED_A_TURN === ASKED_A_TURN - 1) await new Promise(setImmediate);
  }
  const asked = new Set(sha256s.filter((sha256) => !named.has(sha256)));
  if (asked.size === 0) return named;
  for (const { manifests } of references) {
    if (manifests !== undefined) await addWithin(manifests, asked, named, options);
  }
  return named;
}

async function addWithin(
  { all, named: namedIn }: NonNullable<BlobReferences['manifests']>,
  asked: ReadonlySet<string>,
  named: Set<string>,
  { projections, blobs }: NamedBlobsOptions,
): Promise<void> {
  for (const manifest of all(projections.db())) {
    const bytes = await blobs.read(manifest).catch((error) => {
      // What is lost names nothing; that it is lost is an audit's business.
      if (isStrataError(error, 'blob.unknown')) return null;
      throw error;
    });
    if (bytes === null) continue;
    for (const sha256 of namedIn(bytes)) if (asked.has(sha256)) named.add(sha256);
  }
}
