import type { Readable } from 'node:stream';

/** Inclusive first byte, inclusive last byte: as HTTP ranges count. */
export type ByteRange = { readonly first: number; readonly last: number };

/** Bytes received but not yet a blob: inspected first, then kept or dropped. */
export interface PendingBlob {
  readonly sha256: string;
  readonly bytes: number;
  /** A local file with the bytes, for inspection. */
  readonly path: string;
  /** Makes it a blob: synced, under its hash, its folder synced. Resolves when that is durable. */
  keep(): Promise<void>;
  drop(): Promise<void>;
}

/** Blobs as they are read: all that a process beside the server may do. */
export type BlobReader = Pick<BlobStore, 'has' | 'size' | 'read' | 'stream' | 'list'>;

/**
 * Blobs by the SHA-256 of their content, 64 lower-case hex digits. A blob never changes, and keeping the same bytes twice
 * keeps one.
 */
export interface BlobStore {
  /**
   * Streams bytes into a pending blob.
   * @throws request.too-large past `bytesMax`, request.upload-failed when the source fails, log.disk-full,
   * blob.write-failed.
   */
  receive(source: AsyncIterable<Uint8Array>, bytesMax: number): Promise<PendingBlob>;
  put(bytes: Uint8Array): Promise<string>;
  has(sha256: string): Promise<boolean>;
  /** Size in bytes. @throws blob.unknown */
  size(sha256: string): Promise<number>;
  /** The whole blob; for manifests and small files. @throws blob.unknown */
  read(sha256: string): Promise<Buffer>;
  /** A stream that must be read or destroyed. @throws blob.unknown */
  stream(sha256: string, range?: ByteRange): Promise<Readable>;
  /** Every blob, for collection and audit. */
  list(): AsyncIterable<{ readonly sha256: string; readonly bytes: number; readonly modifiedAtMs: number }>;
  delete(sha256: string): Promise<void>;
  /** Deletes a blob unless it was stored, or stored again, at or after the time (ms since 1970); true if it did. */
  deleteStoredBefore(sha256: string, timeMs: number): Promise<boolean>;
}
