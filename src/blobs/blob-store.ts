import type { Readable } from 'node:stream';

/** Inclusive first byte, inclusive last byte: as HTTP ranges count. */
export type ByteRange = { readonly first: number; readonly last: number };

export type PresignOptions = { readonly seconds: number; readonly mediaType: string };

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

/** Where another process, which has no access to the store, makes blobs of many files: with `openDiskBlobs` on these folders. */
export interface StagedBlobs {
  readonly dir: string;
  readonly incomingDir: string;
  /** Makes all of them blobs of the store. Resolves when they are durable there. */
  keep(): Promise<void>;
  /** Removes what is left of it; after `keep` too. */
  drop(): Promise<void>;
}

/** Blobs as they are read: all that a process beside the server may do. */
export type BlobReader = Pick<BlobStore, 'has' | 'size' | 'read' | 'stream' | 'list'>;

/**
 * Blobs by the SHA-256 of their content, 64 lower-case hex digits. A blob never changes, and keeping the same bytes twice
 * keeps one. A store that is not on this machine also throws engine.unavailable and engine.misconfigured.
 */
export interface BlobStore {
  /**
   * Streams bytes into a pending blob.
   * @throws request.too-large past `bytesMax`, request.upload-failed when the source fails, log.disk-full,
   * blob.write-failed.
   */
  receive(source: AsyncIterable<Uint8Array>, bytesMax: number): Promise<PendingBlob>;
  /** A place for blobs that another process makes. */
  stage(): StagedBlobs;
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
  /**
   * An address that anybody can read the blob at, without a key, for a time of at most 7 days; there are none where the
   * method is missing. Whether there is such a blob is not looked at.
   */
  presign?(sha256: string, options: PresignOptions): Promise<string>;
}
