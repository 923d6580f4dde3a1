import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatPosition } from '#events/position.ts';
import { replayAndCompare } from '#history/replay/replay.ts';
import type { LogReader } from '#log/log-reader.ts';
import { domains } from '../domains.ts';
import { type OnProgress, phaseOf } from './progress.ts';

/** A collection or a raster, as the copy folds to it. */
export type ComparedStructure = {
  readonly projection: string;
  readonly version: number;
  readonly structure: string;
  readonly kind: 'collection' | 'raster';
  /** Its fingerprint: how many documents or places, and the sum of their hashes in hex. */
  readonly count: number;
  readonly sum: string;
  /** Whether that is what the source serves. */
  readonly equal: boolean;
};

export type ComparedProjections = {
  /** Where they were compared: as far as the source had folded. */
  readonly position: string;
  readonly structures: readonly ComparedStructure[];
  /** Projections that the source's data folder has not got by this version. */
  readonly missing: readonly string[];
};

/** Folds the copied log, and compares what it gives with what the source's data folder serves, document by document. */
export async function compareProjections(
  log: LogReader,
  dataDir: string,
  onProgress: OnProgress,
): Promise<ComparedProjections> {
  const scratchDir = mkdtempSync(join(tmpdir(), 'strata-migrate-'));
  const [folded, compared] = [phaseOf('folding', onProgress), phaseOf('comparing', onProgress)];
  try {
    const { offset, projections, missing } = await replayAndCompare({
      dataDir,
      scratchDir,
      log,
      definitions: domains.flatMap(({ projections }) => projections),
      eventTypes: domains.flatMap(({ events }) => events.map(({ type }) => type)),
      onProgress: ({ phase, done, total }) => (phase === 'folding' ? folded : compared)(done, total),
    });
    const structures = projections.flatMap((projection) =>
      projection.structures.map(({ name, kind, replayed, equal }) => {
        return { projection: projection.name, version: projection.version, structure: name, kind, ...replayed, equal };
      }),
    );
    return { position: formatPosition({ epoch: log.epoch, offsets: [offset] }), structures, missing };
  } finally {
    rmSync(scratchDir, { recursive: true, force: true });
  }
}
