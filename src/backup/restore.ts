import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { noteCollected } from '#blobs/collected.ts';
import { syncFolder } from '#blobs/folders.ts';
import { openBlobs } from '#blobs/open.ts';
import type { EventDefinition } from '#events/definition.ts';
import type { Codec } from '#events/encoding.ts';
import type { RecordedEvent } from '#events/event.ts';
import { writeSubjectKeys } from '#events/subject-key-files.ts';
import { EpochWriter } from '#log/embedded/new-epoch.ts';
import type { BlobsConfig } from '../config.ts';
import { errors } from '../errors.ts';
import type { Copied } from './backup.ts';
import { restoreBlobs } from './blob-restore.ts';
import { collectedIn } from './collected-list.ts';
import { type DataFolder, dataFolderIn } from './data-folder.ts';
import { writeSynced } from './durable-file.ts';
import { erasuresIn } from './erasures.ts';
import { readVerified, verifiedBytes } from './hashed-bytes.ts';
import { SIGNING_KEY } from './key-backup.ts';
import { type Keyring, type Manifest, positionOf, readKeyrings, readManifests } from './manifest.ts';
import { leaveErasures } from './pending-erasures.ts';
import { endOfRestore, type RestoreEnd } from './restore-end.ts';
import { isUnfinishedRestore, markRestore, unmarkRestore } from './restore-marker.ts';
import { restoredKeys } from './restored-keys.ts';
import type { BackupTarget } from './target.ts';

const SCRATCH = 'restoring.seg.tmp';

export type RestoreOptions = {
  readonly target: BackupTarget;
  /** Where the keys are: the target itself unless they are kept elsewhere. */
  readonly keysTarget: BackupTarget;
  /** Empty or missing; or what an earlier try left. */
  readonly dir: string;
  /** Where blobs go; `blobs` in the folder where it is `null`. */
  readonly blobs: BlobsConfig | null;
  /** Where the log is to end: a position, a time, or a duration back from now; `null` takes all. */
  readonly to: string | null;
  /** Which epoch's backup; the newest where it is `null`. */
  readonly epoch: number | null;
  /** Subjects erased since, from newer lists. */
  readonly erased: ReadonlySet<string>;
  readonly clock: () => number;
  readonly codec: Codec;
  /** Every event type, by name. */
  readonly events: ReadonlyMap<string, EventDefinition>;
  readonly onProgress: (progress: {
    readonly phase: 'log' | 'blobs';
    readonly done: number;
    readonly total: number;
  }) => void;
};

export type RestoreReport = {
  readonly dir: string;
  readonly logId: string;
  /** The last event's, in the new epoch. */
  readonly position: string;
  /** The last event's in the backup. */
  readonly backupPosition: string;
  readonly events: number;
  readonly keys: number;
  readonly erased: number;
  readonly blobs: Copied | null;
  readonly seconds: number;
};

/**
 * Makes a data folder from a backup, checking every byte against its hash on the way. The log goes on in a new epoch, so
 * that no position of what was lost is taken for one of what comes. Who was erased since the backup stays erased: their keys
 * are not restored, and the first start erases them once more. A folder that is not finished is refused by the server; the
 * same call again finishes it.
 *
 * @throws restore.not-empty, backup.unusable, backup.damaged, log.corrupt
 */
export async function restore(options: RestoreOptions): Promise<RestoreReport> {
  const { target, keysTarget, dir, onProgress } = options;
  const startedMs = performance.now();
  const manifests = await readManifests(target);
  const manifest = manifestOf(manifests, options);
  const end = endOfRestore(options.to, manifest, options.clock());
  const keyring = await keyringOf(keysTarget, manifest, end);
  const erased = new Set(options.erased);
  for (const { erasures } of manifests) for (const subject of await erasuresIn(target, erasures)) erased.add(subject);

  const collected = await collectedIn(target, manifests);

  await emptyFolder(dir);
  const folder = dataFolderIn(dir);
  const data = { ...folder, blobs: options.blobs ?? folder.blobs };
  // Those that the log itself erases have no key either, however old the list of the erased is.
  const gone = new Set(erased);
  const position = await restoreLog(options, manifest, manifests[0]!.epoch + 1, end, data, (event) => {
    const erases = options.events.get(event.type)?.erases ?? null;
    if (erases !== null) gone.add(erases(event.data));
  });
  const keys = await writeSubjectKeys(data.keysDir, restoredKeys(keysTarget, keyring, gone));
  if (keyring.signingKey !== null) {
    await writeSynced(data.proofDir, SIGNING_KEY, await readVerified(keysTarget, keyring.signingKey));
  }
  const blobs = await restoreAllBlobs(options, manifest, collected, data, onProgress);
  await noteCollected(dir, [...collected]);
  await leaveErasures(dir, erased);
  await syncFolder(dir);
  await unmarkRestore(dir);
  return {
    dir,
    logId: manifest.logId,
    position: positionOf(position),
    backupPosition: positionOf(manifest),
    events: position.head,
    keys: keys - gone.size,
    erased: gone.size,
    blobs,
    seconds: (performance.now() - startedMs) / 1000,
  };
}

function manifestOf(manifests: readonly Manifest[], { target, epoch }: RestoreOptions): Manifest {
  const found = epoch === null ? manifests[0] : manifests.find((manifest) => manifest.epoch === epoch);
  if (found !== undefined) return found;
  const which = epoch === null ? 'finished backup' : `backup of epoch ${epoch}`;
  throw errors.error('backup.unusable', `there is no ${which} in ${target.url}`);
}

/** The keys for the log up to its end. @throws backup.unusable where there are none that go that far. */
async function keyringOf(target: BackupTarget, manifest: Manifest, end: RestoreEnd): Promise<Keyring> {
  const { logId, epoch, head } = manifest;
  const keyring = (await readKeyrings(target)).find((other) => other.logId === logId && other.epoch === epoch);
  if (keyring === undefined) {
    const advice = 'name where they are kept with --keys';
    throw errors.error('backup.unusable', `${target.url} has no keys of this log's epoch ${epoch}: ${advice}`);
  }
  if (keyring.head >= Math.min(head, end.to)) return keyring;
  const advice = `restore up to there with --to ${positionOf(keyring)}, or use newer keys`;
  throw errors.error(
    'backup.unusable',
    `the keys in ${target.url} are as of ${positionOf(keyring)}, the log goes on to ${positionOf(manifest)}: ${advice}`,
  );
}

/** Marks the folder as unfinished; blobs that an earlier try copied stay. @throws restore.not-empty */
async function emptyFolder(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const names = await readdir(dir);
  if (names.length > 0 && !isUnfinishedRestore(dir)) {
    throw errors.error('restore.not-empty', `${dir} is not empty; name a folder that is, or does not exist`);
  }
  await markRestore(dir);
  for (const name of ['log', 'keys', 'tree', 'collected-blobs'])
    await rm(join(dir, name), { recursive: true, force: true });
}

async function restoreLog(
  { target, onProgress, clock, codec }: RestoreOptions,
  { segments }: Manifest,
  epoch: number,
  end: RestoreEnd,
  { dir, logDir }: DataFolder,
  onEvent: (event: RecordedEvent) => void,
): Promise<{ readonly epoch: number; readonly head: number }> {
  await mkdir(logDir, { recursive: true, mode: 0o700 });
  await syncFolder(dir);
  const writer = new EpochWriter({ dir: logDir, epoch, ...end, createdAt: clock(), codec, onEvent });
  const scratch = join(dir, SCRATCH);
  const total = segments.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  for (const record of segments) {
    if (writer.isEnded || (record.number > 1 && record.first > end.to)) break;
    await pipeline(verifiedBytes(target, record), createWriteStream(scratch, { mode: 0o600 }));
    await writer.add(scratch);
    done += record.bytes;
    onProgress({ phase: 'log', done, total });
  }
  await writer.close();
  await rm(scratch, { force: true });
  return { epoch, head: writer.head };
}

async function restoreAllBlobs(
  { target }: RestoreOptions,
  { blobs: record }: Manifest,
  collected: ReadonlySet<string>,
  { dir, blobs }: DataFolder,
  onProgress: RestoreOptions['onProgress'],
): Promise<Copied | null> {
  if (record === null) return null;
  const counts: Copied = { copied: 0, copiedBytes: 0, there: 0 };
  const onBlob = (copiedBytes: number | null) => {
    if (copiedBytes === null) counts.there += 1;
    else counts.copied += 1;
    counts.copiedBytes += copiedBytes ?? 0;
    onProgress({ phase: 'blobs', done: counts.copied + counts.there, total: record.blobs });
  };
  const store = await openBlobs({ blobs, dataDir: dir, create: true });
  await restoreBlobs({ target, record, collected, blobs: store, onBlob });
  return counts;
}
