import { statSync } from 'node:fs';
import { readCollected } from '#blobs/collected.ts';
import { readBlobs } from '#blobs/open.ts';
import { provenLog } from '#log/embedded/proven-head.ts';
import type { Segments } from '#log/embedded/segments.ts';
import { errors } from '../errors.ts';
import { backUpBlobs } from './blob-backup.ts';
import { collectedIn, putCollected } from './collected-list.ts';
import type { DataFolder } from './data-folder.ts';
import { erasuresIn, putErasures } from './erasures.ts';
import { packKeys } from './kept-keys.ts';
import { keepKeys, pruneKeys } from './key-backup.ts';
import { backUpSegments } from './log-backup.ts';
import { type Manifest, positionOf, readKeyrings, readManifests, writeManifest } from './manifest.ts';
import { removeUnnamed } from './retention.ts';
import type { BackupTarget } from './target.ts';

export type BackupOptions = {
  readonly data: DataFolder;
  readonly target: BackupTarget;
  /** Where keys go: the target itself, or another one with its own retention; `null` leaves them out. */
  readonly keysTarget: BackupTarget | null;
  /** False leaves blobs out: they are kept elsewhere. */
  readonly withBlobs: boolean;
  readonly onProgress: (progress: BackupProgress) => void;
};

export type Copied = { copied: number; copiedBytes: number; there: number };
export type BackupProgress = {
  readonly phase: 'log' | 'blobs';
  /** Of the log bytes, of blobs their number. */
  readonly done: number;
  readonly total: number | null;
};

export type BackupReport = {
  readonly target: string;
  readonly logId: string;
  readonly position: string;
  readonly events: number;
  readonly segments: Copied;
  readonly keys: number | null;
  readonly erased: number;
  /** `removed` were collected since the last backup. */
  readonly blobs: (Copied & { readonly removed: number; readonly damaged: readonly string[] }) | null;
  readonly seconds: number;
};

/**
 * Copies what cannot be derived, as of one position: what was acknowledged before the call is in. Beside a running server or
 * without one; nothing in the data folder is touched. What an earlier backup holds already is not copied again. The
 * manifest is written last, so a backup that is cut short leaves the one before as it was.
 *
 * @throws backup.other-log where the target is another log's, log.corrupt where the log is damaged.
 */
export async function backUp(options: BackupOptions): Promise<BackupReport> {
  const release = await options.target.lock();
  try {
    return await backUpLocked(options);
  } finally {
    release();
  }
}

async function backUpLocked(options: BackupOptions): Promise<BackupReport> {
  const { data, target, keysTarget, withBlobs, onProgress } = options;
  const startedMs = performance.now();
  const { segments, head } = await provenLog(data.logDir);
  const { logId, epoch } = segments.header;
  const madeAt = new Date().toISOString();
  const earlier = await readManifests(target);
  requireSameLog(earlier, logId, target);
  const before = earlier.find((manifest) => manifest.epoch === epoch) ?? null;
  if (before !== null && before.head > head) {
    const lengths = `up to ${before.head}, and this log ends at ${head}`;
    throw errors.error('backup.other-log', `the backup in ${target.url} has the log ${lengths}`);
  }

  const erased = new Set<string>();
  for (const { erasures } of earlier) for (const subject of await erasuresIn(target, erasures)) erased.add(subject);
  const packed = await packKeys(data.keysDir, erased);
  if (keysTarget !== null) {
    requireSameLog(await readKeyrings(keysTarget), logId, keysTarget);
    await keepKeys(keysTarget, data, packed, { logId, epoch, head, madeAt });
  }
  const erasures = await putErasures(target, erased);

  const collected = await collectedIn(target, earlier);
  for (const sha256 of await readCollected(data.dir)) collected.add(sha256);
  const blobCounts: Copied = { copied: 0, copiedBytes: 0, there: 0 };
  const blobs = withBlobs
    ? await backUpBlobs({
        blobs: await readBlobs(data.blobs),
        target,
        collected,
        onBlob: (copiedBytes) => {
          count(blobCounts, copiedBytes);
          onProgress({ phase: 'blobs', done: blobCounts.copied + blobCounts.there, total: null });
        },
      })
    : null;

  const segmentCounts: Copied = { copied: 0, copiedBytes: 0, there: 0 };
  let done = 0;
  const total = bytesTo(segments, head);
  const records = await backUpSegments({
    segments,
    head,
    target,
    known: before?.segments ?? [],
    onBytes: (bytes) => {
      done += bytes;
      onProgress({ phase: 'log', done, total });
    },
    onSegment: (copiedBytes) => count(segmentCounts, copiedBytes),
  });

  const manifest: Manifest = {
    format: 1,
    logId,
    epoch,
    head,
    madeAt,
    segments: records,
    erasures,
    blobs: blobs?.record ?? null,
    collected: await putCollected(target, collected),
  };
  await writeManifest(target, manifest);
  // Keys that the target itself has go too, where they are kept elsewhere now.
  await pruneKeys(target, erased);
  if (keysTarget !== null && keysTarget !== target) await pruneKeys(keysTarget, erased);
  const removed = (await blobs?.removeCollected()) ?? 0;
  await removeUnnamed(target, [manifest, ...earlier.filter((other) => other.epoch !== epoch)]);
  return {
    target: target.url,
    logId,
    position: positionOf(manifest),
    events: head,
    segments: segmentCounts,
    keys: keysTarget === null ? null : packed.subjects,
    erased: erased.size,
    blobs: blobs === null ? null : { ...blobCounts, removed, damaged: blobs.damaged },
    seconds: (performance.now() - startedMs) / 1000,
  };
}

/** What the segments have up to the head, about: the last one may hold more. */
function bytesTo(segments: Segments, head: number): number {
  let bytes = 0;
  for (let index = 0; index < segments.count && segments.at(index).first <= head; index += 1) {
    const { lengthBytes, path } = segments.at(index);
    bytes += Math.min(lengthBytes, statSync(path).size);
  }
  return bytes;
}

function count(counts: Copied, copiedBytes: number | null): void {
  if (copiedBytes === null) counts.there += 1;
  else {
    counts.copied += 1;
    counts.copiedBytes += copiedBytes;
  }
}

function requireSameLog(kept: readonly { readonly logId: string }[], logId: string, target: BackupTarget): void {
  const other = kept.find((manifest) => manifest.logId !== logId);
  if (other === undefined) return;
  throw errors.error('backup.other-log', `${target.url} holds the backup of the log ${other.logId}, not of ${logId}`);
}
