import type { StatsFs } from 'node:fs';
import { statfs } from 'node:fs/promises';
import type { RebuildableProjections } from '#history/folding/rebuildable.ts';
import type { Health } from '#http/parts.ts';
import type { LocalLog } from '#log/local-log.ts';
import type { TransparencyLog } from '#log/transparency/transparency-log.ts';
import type { Readings, Sample } from '#telemetry/metrics.ts';
import manifest from '../package.json' with { type: 'json' };
import type { Config } from './config.ts';
import { isStrataError } from './errors.ts';

export type Measured = {
  readonly config: Pick<Config, 'dataDir' | 'log' | 'blobs' | 'cache'>;
  readonly log: LocalLog;
  readonly projections: RebuildableProjections;
  readonly transparency: TransparencyLog;
  readonly health: () => Health;
};

/** How the parts of a server stand, asked when somebody reads its metrics. */
export function serverReadings({ config, log, projections, transparency, health }: Measured): Readings {
  const { blobs, cache } = config;
  const build = { version: manifest.version, node: process.versions.node };
  const engines = { log: config.log.engine, blobs: blobs.engine, cache: cache.engine };
  // By its own name each, also where several lie on one file system.
  const folders = { data: config.dataDir, log: log.dir, ...(blobs.engine === 'disk' && { blobs: blobs.dir }) };
  return {
    strata_build_info: () => [{ labels: { ...build, ...engines }, value: 1 }],
    strata_ready: () => (health().ready ? 1 : 0),
    strata_problem: () =>
      [...new Set(health().problems.map(({ code }) => code))].map((code) => ({ labels: { code }, value: 1 })),
    strata_disk_free_bytes: () => ofFolders(folders, ({ bavail, bsize }) => bavail * bsize),
    strata_disk_size_bytes: () => ofFolders(folders, ({ blocks, bsize }) => blocks * bsize),
    strata_log_head: () => log.headOffset(),
    strata_projection_position: () =>
      projections.statuses().map(({ name, offset }) => ({ labels: { projection: name }, value: offset })),
    strata_projection_lag_seconds: () => projections.lagMs() / 1000,
    strata_tree_size: () => signedSize(transparency),
  };
}

async function ofFolders(
  folders: { readonly [folder: string]: string },
  bytesOf: (fileSystem: StatsFs) => number,
): Promise<Sample[]> {
  const found = Object.entries(folders).map(async ([folder, dir]) => ({
    labels: { folder },
    value: bytesOf(await statfs(dir)),
  }));
  return await Promise.all(found);
}

/** 0 before the first checkpoint; nothing where the tree has stopped, which `strata_problem` tells. */
function signedSize(transparency: TransparencyLog): Sample[] {
  if (transparency.fault() !== null) return [];
  try {
    return [{ value: transparency.checkpoint().size }];
  } catch (error) {
    if (isStrataError(error, 'history.not-yet')) return [{ value: 0 }];
    throw error;
  }
}
