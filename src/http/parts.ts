import type { BlobStore } from '#blobs/blob-store.ts';
import type { OpenedCache } from '#cache/open-cache.ts';
import type { RecordedEvent } from '#events/event.ts';
import type { SubjectKeys } from '#events/sealing.ts';
import type { Bus } from '#handling/bus.ts';
import type { Domain, Principal } from '#handling/domain.ts';
import type { Db } from '#history/db.ts';
import type { RebuildableProjections } from '#history/folding/rebuildable.ts';
import type { EventLog } from '#log/event-log.ts';
import type { TransparencyLog } from '#log/transparency/transparency-log.ts';
import type { Metrics } from '#telemetry/metrics.ts';
import type { Inspector } from '#workers/inspector.ts';
import type { Role } from '../config.ts';
import type { StrataError } from '../errors.ts';
import type { ClusterParts } from './cluster-routes.ts';

export type Health = { readonly ready: boolean; readonly problems: readonly StrataError[] };

/** Which deploys of a dapp are served; the manifest is a blob's hash. */
export type DappDirectory = {
  /** The published deploy, or `null`. */
  published(db: Db, dapp: string): { readonly deploy: string; readonly manifest: string } | null;
  /** The one deploy whose hash begins with these hex digits, published or not; `null` where there is none. */
  deploy(db: Db, dapp: string, prefix: string): { readonly deploy: string; readonly manifest: string } | null;
};

/** All that the HTTP server and the live hub stand on. */
export type HttpParts = {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Published dapps are served at `{dapp}.THIS`. */
  readonly dappDomain: string;
  readonly domains: readonly Domain[];
  /** What this process serves: all of it unless told. */
  readonly roles?: ReadonlySet<Role>;
  /** How other members reach this one, where there are others. */
  readonly cluster?: ClusterParts;
  readonly bus: Bus;
  readonly projections: RebuildableProjections;
  readonly log: EventLog;
  readonly transparency: TransparencyLog;
  readonly blobs: BlobStore;
  readonly inspector: Inspector;
  /** Opens sealed fields for those who may see them. */
  readonly keys: SubjectKeys;
  readonly dapps: DappDirectory;
  /** What is shared with other members, and how much each caller may send. */
  readonly shared: Pick<OpenedCache, 'rateLimits' | 'cache' | 'boards'>;
  /** How many proxies stand in front. */
  readonly trustedProxies: number;
  /** Whose key it is, or `null`. Asked again at most half a second later. */
  authenticate(token: string): Principal | null;
  /** The synced event at the offset. */
  eventAt(offset: number): RecordedEvent;
  health(): Health;
  /** The operator says that the clock is right as it is. */
  acceptClock(): void;
  /** What is measured; the server adds what it counts itself. */
  readonly metrics: Metrics;
  /** Reads `/metrics` and nothing else; `null` where only an admin's key does. */
  readonly metricsToken: string | null;
  /** What `/readyz` tells besides: positions, lag. */
  status(): { readonly [name: string]: unknown };
  /** Takes failures that the client is not told the cause of. */
  report(message: string, fields: { readonly [name: string]: unknown }): void;
};
