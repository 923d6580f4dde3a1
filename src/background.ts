import { join } from 'node:path';
import type { BlobStore } from '#blobs/blob-store.ts';
import { BlobCollector } from '#blobs/collector.ts';
import type { OpenedCache } from '#cache/open-cache.ts';
import type { Bus } from '#handling/bus.ts';
import type { Catalogue } from '#handling/catalogue.ts';
import { ErasureRunner } from '#handling/erasure-runner.ts';
import { namedAmong } from '#handling/named-blobs.ts';
import { ReactorRunner } from '#handling/reactor-runner.ts';
import type { Projections } from '#history/db.ts';
import { BitmapFeeder } from '#live/bitmap-feeder.ts';
import type { Logger } from '#telemetry/log.ts';
import type { Config } from './config.ts';
import { domains } from './domains.ts';
import type { Engines } from './engines.ts';

export type BackgroundParts = {
  readonly config: Config;
  readonly engines: Engines;
  readonly blobs: BlobStore;
  readonly cache: OpenedCache;
  readonly projections: Projections;
  readonly bus: Bus;
  readonly catalogue: Catalogue;
  readonly logger: Logger;
};

/**
 * Starts what goes on without being asked: boards fed into the cache, reactors, the collection of blobs that nothing names,
 * erasures. All of it follows the log, and goes on where it was after a restart.
 */
export function startBackground(parts: BackgroundParts): { close(): Promise<void> } {
  const { config, engines, blobs, cache, projections, bus, catalogue, logger } = parts;
  const { log, keys } = engines;
  const warn = (message: string, fields: { readonly [name: string]: unknown }) => logger.warn(message, fields);
  const isWorker = config.roles.has('worker');
  const feeder =
    cache.boards === null ? null : BitmapFeeder.start({ log, bitmaps: cache.boards, projections, report: warn });
  const reactors = isWorker
    ? ReactorRunner.start({
        dir: join(config.dataDir, 'reactors'),
        log,
        bus,
        reactors: domains.flatMap((domain) => domain.reactors),
        clock: Date.now,
        report: warn,
      })
    : null;
  // Of several members the owner of the first partition deletes: its copy of the log is known to be no older than its lease.
  const isLeader = () => isWorker && log.ownerOf(0) === 'here';
  const namedNow = (sha256s: readonly string[]) =>
    namedAmong(sha256s, { domains, projections, blobs, head: () => log.headOffset() });
  const collector = BlobCollector.start({
    blobs,
    dataDir: config.dataDir,
    namedAmong: async (sha256s) => (isLeader() ? await namedNow(sha256s) : new Set(sha256s)),
    graceMs: config.blobs.graceMs,
    clock: Date.now,
    report: (message, fields) => logger.info(message, fields),
  });
  const erasures = ErasureRunner.start({
    dir: join(config.dataDir, 'erasures'),
    log,
    catalogue,
    domains,
    keys,
    bus,
    projections,
    collectBlobs: (sha256s) => collector.collect(sha256s),
    report: warn,
  });
  return {
    close: async () => {
      for (const part of [erasures, collector, reactors, feeder]) await part?.close();
    },
  };
}
