import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { readSegmentHeader } from '#log/embedded/segment-header.ts';
import { isStrataError } from '../errors.ts';
import { BlobCheck } from './blob-check.ts';
import { blobFile } from './blob-files.ts';
import { listedBlobs } from './blob-restore.ts';
import { collectedIn } from './collected-list.ts';
import { erasuresIn } from './erasures.ts';
import { Findings } from './findings.ts';
import { readVerified, verifiedBytes } from './hashed-bytes.ts';
import { keysIn } from './kept-keys.ts';
import { LogCheck } from './log-check.ts';
import { type Manifest, positionOf, readKeyrings, readManifests } from './manifest.ts';
import { checkSealed, type KnownKeys } from './sealed-check.ts';
import type { BackupTarget } from './target.ts';
import { reportOf, type VerifyOptions, type VerifyReport } from './verify-report.ts';

/**
 * Reads all files of a target's newest backup, and tells what is not as it was written: whether a restore would have all.
 * @throws backup.unusable where the target holds no backup, backup.damaged where not even its manifest can be read.
 */
export async function verifyBackup(target: BackupTarget, options: VerifyOptions): Promise<VerifyReport | null> {
  const startedMs = performance.now();
  const manifests = await readManifests(target);
  const [manifest] = manifests;
  if (manifest === undefined) return null;
  const findings = new Findings();
  const keys = await keysOf(target, manifest, findings);
  const blobCheck = new BlobCheck(options.domains);
  const check = new LogCheck(options.codec, findings, (event) => {
    if (keys !== null) checkSealed(event, options.catalogue.events.get(event.type), keys, findings);
    blobCheck.visit(event);
  });
  await checkSegments(target, manifest, check, findings, options);
  const blobs = await checkBlobs(target, manifest, manifests, blobCheck, findings, options);
  const position = positionOf(manifest);
  const told = { what: 'backup', name: target.url, position, keys: keys?.size ?? null, blobs } as const;
  return reportOf(told, check, findings, startedMs);
}

/** `null` where the keys are kept elsewhere. */
async function keysOf(target: BackupTarget, manifest: Manifest, findings: Findings): Promise<KnownKeys | null> {
  const { logId, epoch, erasures, head } = manifest;
  const keyring = (await readKeyrings(target)).find((other) => other.logId === logId && other.epoch === epoch);
  const keys = new Map<string, Buffer | null>();
  await told(findings, async () => {
    for (const subject of await erasuresIn(target, erasures)) keys.set(subject, null);
  });
  if (keyring === undefined || keyring.head < head) return null;
  await told(findings, async () => {
    for await (const { subject, key } of keysIn(target, keyring.keys)) keys.set(subject, key);
    if (keyring.signingKey !== null) await readVerified(target, keyring.signingKey);
  });
  return keys;
}

async function checkSegments(
  target: BackupTarget,
  { segments }: Manifest,
  check: LogCheck,
  findings: Findings,
  { onProgress }: VerifyOptions,
): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'strata-verify-'));
  let done = 0;
  try {
    for (const record of segments) {
      const path = join(scratch, 'segment');
      await told(findings, async () => {
        await pipeline(verifiedBytes(target, record), createWriteStream(path, { mode: 0o600 }));
        const header = readSegmentHeader(path, record.first);
        if (header === null) return;
        await check.add({ header, path, name: record.file, lengthBytes: record.bytes }, (bytes) => {
          done += bytes;
          onProgress({ phase: 'log', done });
        });
      });
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function checkBlobs(
  target: BackupTarget,
  { blobs: record }: Manifest,
  manifests: readonly Manifest[],
  check: BlobCheck,
  findings: Findings,
  { onProgress }: VerifyOptions,
): Promise<number | null> {
  if (record === null) return null;
  let count = 0;
  await told(findings, async () => {
    const collected = await collectedIn(target, manifests);
    const listed = await listedBlobs(target, record);
    const all = async function* () {
      for (const blob of listed) {
        const isGone = collected.has(blob.sha256) && (await target.size(blobFile(blob.sha256))) === null;
        if (!isGone) yield blob;
      }
    };
    count = await check.finish(
      {
        has: async (sha256) => (await target.size(blobFile(sha256))) !== null,
        open: (sha256) => target.get(blobFile(sha256)),
        all,
        isCollected: (sha256) => collected.has(sha256),
      },
      findings,
      () => onProgress({ phase: 'blobs', done: ++count }),
    );
  });
  return count;
}

/** Takes what is damaged for a finding, and goes on. */
async function told(findings: Findings, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isStrataError(error)) throw error;
    findings.add({ part: 'backup', problem: error.message });
  }
}
