import { stat } from 'node:fs/promises';
import canonicalize from 'canonicalize';
import mime from 'mime';
import type { BlobStore } from '#blobs/blob-store.ts';
import { openDiskBlobs } from '#blobs/disk.ts';
import type { InspectedArchive } from '#handling/routes.ts';
import { assert } from '../assert.ts';
import { errors, isStrataError } from '../errors.ts';
import { type ArchiveFile, eachFile } from './archive-files.ts';
import type { InspectionJob } from './inspection-job.ts';
import { FILE_BYTES_MAX, unpackBudget } from './unpack-budget.ts';

/** Files that are synced at the same time: the disk groups them. */
const KEEPING_MAX = 16;

type ManifestFile = {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly mediaType: string;
};

/**
 * Unpacks a zip archive into blobs, file by file, and stores the manifest as one: canonical JSON
 * `{files: [{path, sha256, bytes, mediaType}]}`, sorted by path (UTF-16 code units). Blobs of an archive that is refused
 * half-way belong to nothing and are collected like any orphan.
 * @throws upload.archive-invalid, upload.archive-unsafe, upload.archive-too-large, log.disk-full, blob.write-failed
 */
export async function inspectArchive(job: Extract<InspectionJob, { kind: 'archive' }>): Promise<InspectedArchive> {
  const { size } = await stat(job.path);
  const blobs = await openDiskBlobs({ dir: job.blobsDir, incomingDir: job.incomingDir });
  const files = await unpack(job.path, size, blobs);
  if (files.length === 0) throw errors.error('upload.archive-invalid', 'the archive has no files in it');

  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  const manifest = canonicalize({ files });
  assert(manifest !== undefined, 'a manifest is JSON');
  return {
    kind: 'archive',
    manifest: await blobs.put(Buffer.from(manifest)),
    files: files.length,
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
  };
}

async function unpack(path: string, archiveBytes: number, blobs: BlobStore): Promise<ManifestFile[]> {
  const budget = unpackBudget(archiveBytes);
  const files: ManifestFile[] = [];
  const keeping = new Set<Promise<void>>();
  let failure: unknown = null;
  try {
    for await (const file of eachFile(path)) {
      const pending = await blobs.receive(budget.count(file), FILE_BYTES_MAX);
      const { sha256, bytes } = pending;
      files.push({ path: file.path, sha256, bytes, mediaType: mediaTypeOf(file) });
      const kept = pending
        .keep()
        .catch((error) => {
          failure ??= error;
        })
        .finally(() => keeping.delete(kept));
      keeping.add(kept);
      if (keeping.size >= KEEPING_MAX) await Promise.race(keeping);
      if (failure !== null) break;
    }
  } catch (error) {
    failure ??= isStrataError(error, 'request.upload-failed') ? damaged(error) : error;
  }
  await Promise.all(keeping);
  if (failure !== null) throw failure;
  return files;
}

/** What stopped the bytes of an entry is the archive's fault. */
function damaged(error: Error) {
  const why = error.cause instanceof Error ? error.cause.message : error.message;
  return errors.error('upload.archive-invalid', `the archive is damaged: ${why}`);
}

function mediaTypeOf(file: ArchiveFile): string {
  return mime.getType(file.path) ?? 'application/octet-stream';
}
