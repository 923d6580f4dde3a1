import type { SubjectKeys } from '#events/sealing.ts';
import type { Bus } from '#handling/bus.ts';
import { catalogue } from '#handling/catalogue.ts';
import type { Accepted, Domain, Principal } from '#handling/domain.ts';
import { WHAT_IF_COMMANDS_MAX, type WhatIfParts, whatIf } from '#handling/what-if.ts';
import type { Db, Projections } from '#history/db.ts';
import { diffCatalogue } from '#history/items/diff.ts';
import { QueryPaths } from '#history/items/query-paths.ts';
import { createShowing } from '#history/items/showing.ts';
import type { OverlayDb } from '#history/overlay/db.ts';
import { StrataDb, type Supposed } from '#history/strata-db.ts';
import type { EventLog } from '#log/event-log.ts';
import type { LogReader } from '#log/log-reader.ts';
import { refOffset } from '#projections/refs/ref.ts';
import { errors, StrataError } from './errors.ts';

/** How long `db` waits for what was accepted before. */
const WAIT_MS_MAX = 5_000;
const ADMIN: Principal = { role: 'admin', account: null, actor: 'admin' };

/** What an accepted command made of its stream. */
export type Sent = Pick<Accepted, 'position' | 'stream' | 'revision' | 'made' | 'replayed'>;

export type SendOptions = {
  /** Sent again with the same key, it is answered with the first answer. */
  readonly idempotencyKey?: string | null;
  /** The revision that the stream must be at. */
  readonly expectedRevision?: number;
};

/** A running Strata for the process that it runs in, with an admin's rights. */
export type Embedded = {
  /** The state now: all that was accepted before is in it. @throws history.not-yet after 5 s */
  db(): Promise<StrataDb>;
  /** Sends a command; resolves once its events are durable. @throws the refusal */
  send(type: string, data: object, options?: SendOptions): Promise<Sent>;
};

type EmbeddedParts = {
  readonly log: EventLog;
  readonly reader: LogReader;
  readonly projections: Projections;
  readonly bus: Bus;
  readonly keys: SubjectKeys;
  readonly domains: readonly Domain[];
  readonly dappUrl: (label: string) => string;
};

export function embed({ log, reader, projections, bus, keys, domains, dappUrl }: EmbeddedParts): Embedded {
  const eventAt = (offset: number) => reader.at(offset);
  const showing = createShowing({ log, keys, eventAt, dappUrl });
  const whatIfParts: WhatIfParts = {
    log,
    keys,
    catalogue: catalogue(domains),
    definitions: domains.flatMap((domain) => domain.projections),
    eventAt,
    clock: Date.now,
  };
  const suppose = async (db: Db, commands: readonly Supposed[]): Promise<OverlayDb> => {
    if (commands.length > WHAT_IF_COMMANDS_MAX) {
      throw errors.error('request.invalid', `a what if has at most ${WHAT_IF_COMMANDS_MAX} commands`);
    }
    const asked = commands.map(({ type, data, at }) => ({ type, data, ...(at !== undefined && { at: at.getTime() }) }));
    const made = await whatIf(whatIfParts, { db, caller: ADMIN, commands: asked });
    for (const result of made.results) if (result instanceof StrataError) throw result;
    return made.db;
  };
  const parts = {
    log,
    projections,
    catalogue: diffCatalogue(domains),
    paths: new QueryPaths(domains.flatMap(({ queryRoutes }) => queryRoutes)),
    showing,
    refOffset,
    suppose,
  };
  return {
    db: async () => {
      await projections.waitFor(log.head().offsets[0]!, WAIT_MS_MAX);
      const logged = projections.checkpoint();
      // By its offset, because the state of now goes on.
      return new StrataDb(parts, async () => ({ db: projections.db(logged), showing, logged }));
    },
    send: async (type, data, { idempotencyKey = null, expectedRevision } = {}) => {
      const expected =
        expectedRevision === undefined ? null : ({ revision: expectedRevision, as: 'conflict' } as const);
      const accepted = await bus.handle({ type, data, caller: ADMIN, idempotencyKey, expected });
      const { position, stream, revision, made, replayed } = accepted;
      return { position, stream, revision, made, replayed };
    },
  };
}
