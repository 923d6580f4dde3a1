import type { BlobStore } from '#blobs/blob-store.ts';
import { assert } from '../assert.ts';
import type { Inspector } from './inspector.ts';
import { WorkerPool } from './worker-pool.ts';

const IMAGE_TIMEOUT_MS = 30_000;
/** A gibibyte has to be unpacked, hashed and synced. */
const ARCHIVE_TIMEOUT_MS = 120_000;

export type InspectorOptions = {
  /** Where files of archives become blobs. */
  readonly blobs: Pick<BlobStore, 'stage'>;
  /** 2 unless told. */
  readonly processesMax?: number;
  /** Uploads that may wait; 64 unless told. */
  readonly waitingMax?: number;
  /** 30 s for an image and 120 s for an archive unless told. */
  readonly timeoutMs?: number;
  /** The module that worker processes run; Strata's own unless told. */
  readonly program?: string;
};

/** An inspector over worker processes, which start with the first upload. */
export function createInspector(options: InspectorOptions): Inspector & { readonly pids: readonly number[] } {
  const pool = new WorkerPool({
    processesMax: options.processesMax ?? 2,
    waitingMax: options.waitingMax ?? 64,
    ...(options.program === undefined ? {} : { program: options.program }),
  });
  return {
    async image({ path, sha256, bytes }, mediaType) {
      const job = { kind: 'image', path, sha256, bytes, mediaType } as const;
      const inspected = await pool.run(job, options.timeoutMs ?? IMAGE_TIMEOUT_MS);
      assert(inspected.kind === 'image', 'a worker answers what it was asked');
      return inspected;
    },
    async archive({ path }) {
      const staged = options.blobs.stage();
      const { dir: blobsDir, incomingDir } = staged;
      try {
        const job = { kind: 'archive', path, blobsDir, incomingDir } as const;
        const inspected = await pool.run(job, options.timeoutMs ?? ARCHIVE_TIMEOUT_MS);
        assert(inspected.kind === 'archive', 'a worker answers what it was asked');
        await staged.keep();
        return inspected;
      } finally {
        // A worker that died has left its temporary files.
        await staged.drop();
      }
    },
    close: () => pool.close(),
    get pids() {
      return pool.pids;
    },
  };
}
