import { createHash } from 'node:crypto';
import type { RecordedEvent } from '#events/event.ts';
import type { Domain } from '#handling/domain.ts';
import type { BlobUseFold, NeededBlob } from '#handling/invariant.ts';
import type { Findings } from './findings.ts';

/** Where blobs are read from: a store, or a backup. */
export type CheckedBlobs = {
  readonly has: (sha256: string) => Promise<boolean>;
  readonly open: (sha256: string) => Promise<AsyncIterable<Uint8Array>>;
  readonly all: () => AsyncIterable<{ readonly sha256: string; readonly bytes: number }>;
  /** True for one that was deleted on purpose. */
  readonly isCollected: (sha256: string) => boolean;
};

/** Follows which blobs events need, then looks for them. */
export class BlobCheck {
  readonly #uses: readonly { readonly types: ReadonlySet<string>; readonly fold: BlobUseFold }[];

  constructor(domains: readonly Domain[]) {
    this.#uses = domains
      .map(({ audit }) => audit?.blobs)
      .filter((use) => use !== undefined)
      .map((use) => ({ types: new Set(use.types), fold: use.begin() }));
  }

  visit(event: RecordedEvent): void {
    for (const { types, fold } of this.#uses) if (types.has(event.type)) fold.visit(event);
  }

  /** Checks that all that is there matches its hash, and that what is needed is there. Returns how many blobs there are. */
  async finish(blobs: CheckedBlobs, findings: Findings, onBlob: () => void): Promise<number> {
    let count = 0;
    for await (const { sha256, bytes } of blobs.all()) {
      count += 1;
      await checkHash(blobs, sha256, bytes, findings);
      onBlob();
    }
    for (const { fold } of this.#uses) {
      for (const needed of fold.blobs()) await checkNeeded(blobs, needed, findings);
    }
    return count;
  }
}

async function checkNeeded(
  blobs: CheckedBlobs,
  { sha256, what, within }: NeededBlob,
  findings: Findings,
): Promise<void> {
  if (!(await blobs.has(sha256))) {
    if (!blobs.isCollected(sha256)) findings.add({ part: 'blobs', problem: `${what} is missing: the blob ${sha256}` });
    return;
  }
  if (within === undefined) return;
  let inner: readonly NeededBlob[];
  try {
    inner = within(Buffer.concat(await Array.fromAsync(await blobs.open(sha256))));
  } catch {
    findings.add({ part: 'blobs', problem: `${what} cannot be read: the blob ${sha256}` });
    return;
  }
  for (const needed of inner) await checkNeeded(blobs, needed, findings);
}

async function checkHash(blobs: CheckedBlobs, sha256: string, bytes: number, findings: Findings): Promise<void> {
  const hash = createHash('sha256');
  let length = 0;
  try {
    for await (const chunk of await blobs.open(sha256)) {
      hash.update(chunk);
      length += chunk.length;
    }
  } catch (error) {
    // One that was collected meanwhile is none.
    if (blobs.isCollected(sha256) && !(await blobs.has(sha256))) return;
    const why = error instanceof Error ? error.message : String(error);
    findings.add({ part: 'blobs', problem: `the blob ${sha256} cannot be read: ${why}` });
    return;
  }
  if (length !== bytes || hash.digest('hex') !== sha256) {
    findings.add({ part: 'blobs', problem: `the blob ${sha256} does not match its hash` });
  }
}
