import type { InspectedArchive, InspectedImage } from '#handling/routes.ts';

/** What a worker process is asked to look into. Paths are the server's own. */
export type InspectionJob =
  | {
      readonly kind: 'image';
      readonly path: string;
      readonly sha256: string;
      readonly bytes: number;
      /** As the upload named it. */
      readonly mediaType: string;
    }
  | {
      readonly kind: 'archive';
      readonly path: string;
      /** Where its files become blobs, and this job's own folder for temporary files. */
      readonly blobsDir: string;
      readonly incomingDir: string;
    };

export type Inspected = InspectedImage | InspectedArchive;

/** `ready` comes first, then one answer a job. Other failures than refusals have no code. */
export type WorkerMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'inspected'; readonly result: Inspected }
  | { readonly kind: 'failed'; readonly code: string | null; readonly detail: string };
