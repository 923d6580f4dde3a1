import type { Readable } from 'node:stream';
import { Durations } from '#telemetry/durations.ts';
import type { Readings, Sample } from '#telemetry/metrics.ts';
import { isStrataError } from '../errors.ts';
import type { BlobStore, ByteRange, PendingBlob, StagedBlobs } from './blob-store.ts';

const OPERATIONS = ['keep', 'put', 'has', 'size', 'read', 'stream', 'delete'] as const;
type Operation = (typeof OPERATIONS)[number];

class OperationCounts {
  readonly durations = new Durations();
  done = 0;
  refused = 0;
  failed = 0;

  async timed<Value>(operation: Promise<Value>): Promise<Value> {
    const startedMs = performance.now();
    try {
      const value = await operation;
      this.done += 1;
      return value;
    } catch (error) {
      if (isStrataError(error) && error.status < 500) this.refused += 1;
      else this.failed += 1;
      throw error;
    } finally {
      this.durations.observe(performance.now() - startedMs);
    }
  }
}

/** A blob store that counts what it is asked, and how long that takes: of a stream, until its first byte can be read. */
export class MeteredBlobs implements BlobStore {
  readonly presign?: NonNullable<BlobStore['presign']>;
  readonly #blobs: BlobStore;
  readonly #counts = Object.fromEntries(OPERATIONS.map((name) => [name, new OperationCounts()])) as {
    // Object.fromEntries forgets the names.
    readonly [name in Operation]: OperationCounts;
  };
  #receivedBytes = 0;

  constructor(blobs: BlobStore) {
    this.#blobs = blobs;
    if (blobs.presign !== undefined) this.presign = blobs.presign.bind(blobs);
  }

  async receive(source: AsyncIterable<Uint8Array>, bytesMax: number): Promise<PendingBlob> {
    const pending = await this.#blobs.receive(source, bytesMax);
    const { sha256, bytes, path } = pending;
    const keep = async () => {
      await this.#counts.keep.timed(pending.keep());
      this.#receivedBytes += bytes;
    };
    return { sha256, bytes, path, keep, drop: () => pending.drop() };
  }

  stage(): StagedBlobs {
    const staged = this.#blobs.stage();
    const { dir, incomingDir } = staged;
    return { dir, incomingDir, keep: () => this.#counts.keep.timed(staged.keep()), drop: () => staged.drop() };
  }

  put(bytes: Uint8Array): Promise<string> {
    return this.#counts.put.timed(this.#blobs.put(bytes));
  }

  has(sha256: string): Promise<boolean> {
    return this.#counts.has.timed(this.#blobs.has(sha256));
  }

  size(sha256: string): Promise<number> {
    return this.#counts.size.timed(this.#blobs.size(sha256));
  }

  read(sha256: string): Promise<Buffer> {
    return this.#counts.read.timed(this.#blobs.read(sha256));
  }

  stream(sha256: string, range?: ByteRange): Promise<Readable> {
    return this.#counts.stream.timed(this.#blobs.stream(sha256, range));
  }

  list(): ReturnType<BlobStore['list']> {
    return this.#blobs.list();
  }

  delete(sha256: string): Promise<void> {
    return this.#counts.delete.timed(this.#blobs.delete(sha256));
  }

  deleteStoredBefore(sha256: string, timeMs: number): Promise<boolean> {
    return this.#counts.delete.timed(this.#blobs.deleteStoredBefore(sha256, timeMs));
  }

  readonly readings: Readings = {
    strata_blob_operations_total: () =>
      OPERATIONS.flatMap((operation): Sample[] => {
        const { done, refused, failed } = this.#counts[operation];
        return Object.entries({ done, refused, failed }).map(([outcome, value]) => ({
          labels: { operation, outcome },
          value,
        }));
      }),
    strata_blob_operation_duration_seconds: () =>
      OPERATIONS.map((operation) => ({ labels: { operation }, value: this.#counts[operation].durations })),
    strata_blob_received_bytes_total: () => this.#receivedBytes,
  };
}
