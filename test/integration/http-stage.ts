import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDiskBlobs } from '#blobs/disk.ts';
import { memoryCooldowns } from '#cache/memory-cooldowns.ts';
import { accounts } from '#commands/accounts/domain.ts';
import { boards } from '#commands/boards/domain.ts';
import { dapps } from '#commands/dapps/domain.ts';
import { photos } from '#commands/photos/domain.ts';
import { refs } from '#commands/refs/domain.ts';
import { openSubjectKeys } from '#events/subject-keys.ts';
import type { Bus } from '#handling/bus.ts';
import { catalogue } from '#handling/catalogue.ts';
import { createBus } from '#handling/command-bus.ts';
import type { Principal } from '#handling/domain.ts';
import type { Db } from '#history/db.ts';
import type { ProjectionStatus, RebuildableProjections } from '#history/folding/rebuildable.ts';
import type { HttpParts } from '#http/parts.ts';
import { type HttpServer, startHttpServer } from '#http/server.ts';
import { deployOf } from '#projections/dapps/deploys.ts';
import { publishedDeploy } from '#projections/dapps/registry.ts';
import { MemoryDb } from '#projections/memory-db.ts';
import { errors } from '#src/errors.ts';
import { Metrics } from '#telemetry/metrics.ts';
import { createInspector } from '#workers/create-inspector.ts';
import { MemoryEventLog } from './http-memory-log.ts';

const domains = [accounts, boards, dapps, photos, refs];

export const ADMIN = 'the-admin-key';
export const ACME = 'the-key-of-acme';
export const OTHER = 'the-key-of-other';

/** Projections that fold again from the start for every state asked for. */
class MemoryProjections implements RebuildableProjections {
  /** Folding stands still at this offset. */
  heldAt = Number.POSITIVE_INFINITY;
  readonly #log: MemoryEventLog;
  #now: MemoryDb | null = null;

  constructor(log: MemoryEventLog) {
    this.#log = log;
  }

  db(offset = this.checkpoint()): Db {
    if (this.#now?.offset === offset) return this.#now;
    const db = new MemoryDb(...domains.flatMap(({ projections }) => projections));
    db.fold(this.#log.events.slice(0, offset));
    if (offset === this.checkpoint()) this.#now = db;
    return db;
  }

  checkpoint(): number {
    return Math.min(this.#log.events.length, this.heldAt);
  }

  advance(): void {}

  async waitFor(offset: number): Promise<void> {
    if (offset > this.checkpoint()) throw errors.error('history.not-yet', `folded up to ${this.checkpoint()}`);
  }

  lagMs(): number {
    return 0;
  }

  fault(): null {
    return null;
  }

  readonly takeOvers = 0;

  generationOf(): number {
    return 1;
  }

  statuses(): readonly ProjectionStatus[] {
    return [];
  }

  status(projection: string): ProjectionStatus {
    throw errors.error('projection.unknown', `there is no projection "${projection}"`);
  }

  rebuild(projection: string): void {
    this.status(projection);
  }

  async takenOver(): Promise<boolean> {
    return false;
  }

  async close(): Promise<void> {}
}

export type Answer = { readonly status: number; readonly headers: Headers; readonly text: string; readonly body: Body };
/** Fields of an answer are read as they come: the test checks what it expects. */
// biome-ignore lint/suspicious/noExplicitAny: answers are JSON of many shapes, and every test checks the one it asked for
export type Body = any;

export type CallOptions = {
  readonly key?: string | null;
  readonly body?: unknown;
  readonly raw?: string | Uint8Array;
  readonly headers?: { readonly [name: string]: string };
};

/** A log in memory has no tree; `transparency.test.ts` asks a whole server for it. */
const noTree: HttpParts['transparency'] = {
  verifier: '',
  checkpoint: withoutTree,
  advance: () => {},
  waitFor: async () => {},
  tile: withoutTree,
  entry: withoutTree,
  inclusion: withoutTree,
  consistency: withoutTree,
  fault: () => null,
  close: async () => {},
};

function withoutTree(): never {
  throw errors.error('history.not-yet', 'there is no tree');
}

/** The HTTP server with the real bus and domains on a log in memory, and a client for it. */
export class Stage {
  readonly dir = mkdtempSync(join(tmpdir(), 'strata-http-'));
  readonly log = new MemoryEventLog();
  readonly projections = new MemoryProjections(this.log);
  readonly revoked = new Set<string>();
  readonly reports: { readonly message: string; readonly fields: object }[] = [];
  /** Told before `open`. */
  shared: HttpParts['shared'] = { rateLimits: null, cache: null, boards: null };
  bus!: Bus;
  server!: HttpServer;
  #close: (() => Promise<void>)[] = [];

  async open(): Promise<this> {
    const keys = await openSubjectKeys({ dir: join(this.dir, 'keys') });
    const blobs = await openDiskBlobs({ dir: join(this.dir, 'blobs') });
    const inspector = createInspector({ blobs });
    this.bus = createBus({
      log: this.log,
      catalogue: catalogue(domains),
      keys,
      cooldowns: memoryCooldowns(),
      clock: Date.now,
      notBefore: 0,
      lagMs: () => 0,
      fault: () => null,
    });
    this.server = await startHttpServer({
      host: '127.0.0.1',
      port: 0,
      dappDomain: 'localhost',
      domains,
      bus: this.bus,
      projections: this.projections,
      log: this.log,
      transparency: noTree,
      blobs,
      inspector,
      keys,
      dapps: { published: publishedDeploy, deploy: deployOf },
      shared: this.shared,
      trustedProxies: 0,
      authenticate: (token) => this.#authenticate(token),
      eventAt: (offset) => this.log.events[offset - 1]!,
      health: () => ({ ready: true, problems: [] }),
      metrics: new Metrics(),
      metricsToken: null,
      acceptClock: () => {},
      status: () => ({ head: this.log.events.length }),
      report: (message, fields) => this.reports.push({ message, fields }),
    });
    this.#close = [() => this.server.close(), () => inspector.close(), () => this.log.close(), () => keys.close()];
    return this;
  }

  async close(): Promise<void> {
    for (const close of this.#close) await close();
    rmSync(this.dir, { recursive: true, force: true });
  }

  get url(): string {
    return `http://127.0.0.1:${this.server.port}`;
  }

  /** Calls as the admin unless told; `key: null` sends none. */
  async call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const { key = ADMIN, body, raw, headers = {} } = options;
    const sent = raw ?? (body === undefined ? null : JSON.stringify(body));
    const response = await fetch(`${this.url}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: typeof sent === 'string' || sent === null ? sent : Buffer.from(sent),
    });
    const text = await response.text();
    const isJson = (response.headers.get('content-type') ?? '').includes('json');
    const parsed: Body = isJson && text !== '' && !text.includes('}\n{') ? JSON.parse(text) : null;
    return { status: response.status, headers: response.headers, text, body: parsed };
  }

  #authenticate(token: string): Principal | null {
    if (this.revoked.has(token)) return null;
    if (token === ADMIN) return { role: 'admin', account: null, actor: 'admin' };
    if (token === ACME) return { role: 'account', account: 'acme', actor: 'account:acme' };
    if (token === OTHER) return { role: 'account', account: 'other', actor: 'account:other' };
    return null;
  }
}
