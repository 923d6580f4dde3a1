import type { PendingBlob } from '#blobs/blob-store.ts';
import type { InspectedArchive, InspectedImage } from '#handling/routes.ts';

/**
 * Looks into what was uploaded, in worker processes with limits on time, memory and pixels: a hostile file can cost a
 * worker, never the server. At most a stated number wait; then `server.busy`.
 */
export interface Inspector {
  /**
   * @throws upload.not-an-image, upload.too-many-pixels, request.media-type when the bytes are not of the type that
   * `mediaType` names.
   */
  image(pending: PendingBlob, mediaType: string): Promise<InspectedImage>;
  /**
   * Unpacks an archive into blobs, entry by entry, and stores the manifest.
   * @throws upload.archive-invalid, upload.archive-unsafe (names that leave the folder, links), upload.archive-too-large.
   */
  archive(pending: PendingBlob): Promise<InspectedArchive>;
  close(): Promise<void>;
}
