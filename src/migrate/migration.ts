import type { BlobsConfig, LogConfig } from '../config.ts';
import type { ComparedProjections } from './compare-projections.ts';
import type { CopiedBlobs } from './copy-blobs.ts';
import type { OnProgress } from './progress.ts';

/** One side of a migration, as a server there is configured. */
export type Side = {
  readonly log: LogConfig;
  /** The log's URL. */
  readonly url: string;
  readonly dataDir: string;
  readonly blobs: BlobsConfig;
};

export type MigrateOptions = {
  readonly from: Side;
  readonly to: Side;
  /** False leaves blobs, and the keys of personal fields, where they are. */
  readonly withBlobs: boolean;
  /** Whether topics and a bucket that are missing are made. */
  readonly create: boolean;
  /** True leaves the source as it is: without a mark that keeps servers from writing there. */
  readonly keepSource: boolean;
  /** ms since 1970. */
  readonly clock: () => number;
  readonly report: (message: string) => void;
  readonly onProgress: OnProgress;
};

export type MigrationReport = {
  readonly from: string;
  readonly to: string;
  readonly logId: string;
  /** The source's last position, which means the same in both logs. */
  readonly position: string;
  /** Up to that position. */
  readonly events: number;
  /** Those that this run copied; an earlier one left the others. */
  readonly copied: number;
  /** The root of the tree of these events in both logs, in hex. */
  readonly root: string;
  /** What the copy folds to beside what the source's data folder serves. */
  readonly projections: ComparedProjections;
  /** `null` where they stay where they are. */
  readonly blobs: CopiedBlobs | null;
  readonly keys: number | null;
  /** True when everything that was compared is equal, and no blob is damaged. */
  readonly isWhole: boolean;
  /** True when the source says where it went, so that no server writes there any more. */
  readonly isMarked: boolean;
  readonly seconds: number;
};
