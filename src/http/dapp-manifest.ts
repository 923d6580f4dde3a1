import { z } from 'zod';
import type { BlobStore } from '#blobs/blob-store.ts';
import { BoundedCache } from './bounded-cache.ts';

const CACHED_BYTES_MAX = 32 * 1024 * 1024;
const ENTRY_BYTES = 250;

const manifestSchema = z.object({
  files: z.array(
    z.object({
      path: z.string(),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
      bytes: z.int().min(0),
      mediaType: z.string(),
    }),
  ),
});

export type DappFile = z.infer<typeof manifestSchema>['files'][number];

/** A deploy's files by path, as `css/app.css`. */
export type DappFiles = ReadonlyMap<string, DappFile>;

/** Reads deploys' manifests, keeping those in use. */
export class DappManifests {
  readonly #blobs: BlobStore;
  readonly #kept = new BoundedCache<DappFiles>(CACHED_BYTES_MAX);

  constructor(blobs: BlobStore) {
    this.#blobs = blobs;
  }

  async read(manifest: string): Promise<DappFiles> {
    const kept = this.#kept.get(manifest);
    if (kept !== undefined) return kept;
    const { files } = manifestSchema.parse(JSON.parse((await this.#blobs.read(manifest)).toString('utf8')));
    const byPath = new Map(files.map((file) => [file.path, file]));
    this.#kept.set(manifest, byPath, files.length * ENTRY_BYTES);
    return byPath;
  }
}
