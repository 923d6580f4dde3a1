import { z } from 'zod';
import { formatPosition } from '#events/position.ts';
import type { Bus } from '#handling/bus.ts';
import type { Principal } from '#handling/domain.ts';
import type { Fingerprint } from '#history/db.ts';
import type { ProjectionStatus, RebuildableProjections } from '#history/folding/rebuildable.ts';
import type { EventLog } from '#log/event-log.ts';
import { errors } from '../errors.ts';
import type { Callers } from './callers.ts';
import { type Exchange, JSON_TYPE } from './exchange.ts';
import { receiveJson } from './json-body.ts';
import { checkQuery } from './query-check.ts';
import { readParam, readQuery } from './route-pattern.ts';
import type { Handler, Router } from './router.ts';

/** How long a promotion waits for the copy to take over. */
const TAKE_OVER_MS_MAX = 5_000;
const UNCACHED = ['Cache-Control', 'private, no-store'];

export const projectionsQuery = z.strictObject({
  fingerprints: z
    .enum(['true', 'false'])
    .default('false')
    .describe('`true` tells those of rasters too, which takes some seconds of a large one'),
});

const fingerprint = z.object({ count: z.int(), sum: z.string() });

export const projectionShape = z.object({
  projection: z.string(),
  version: z.int(),
  generation: z.int().describe('which copy of the version serves: 1, or as often as it was rebuilt'),
  position: z.string().describe('how far it is folded'),
  structures: z.array(
    z.object({
      name: z.string(),
      kind: z.enum(['collection', 'raster']),
      fingerprint: fingerprint.nullable().describe('at `position`; `null` for a raster that was not asked for'),
    }),
  ),
  rebuild: z
    .object({
      generation: z.int(),
      position: z.string(),
      eventsPerSecond: z.int(),
      secondsLeft: z.number().nullable(),
      isCaughtUp: z.boolean(),
      fault: z.string().nullable(),
    })
    .nullable()
    .describe('the copy that is folded beside the one that serves'),
});

export const projectionsShape = z.object({ lagMs: z.int(), items: z.array(projectionShape) });

export type ProjectionRouteParts = {
  readonly bus: Bus;
  readonly log: EventLog;
  readonly projections: RebuildableProjections;
  readonly callers: Callers;
};

type Fields = { readonly projection: string; readonly caller: Principal };

/** `/v1/projections`: how projections stand, and folding them anew, for an admin. */
export function addProjectionRoutes(router: Router, parts: ProjectionRouteParts): void {
  const { projections, callers } = parts;
  router.add('GET', '/v1/projections', (exchange, req) => {
    callers.admin(req.getHeader('authorization'));
    const { fingerprints } = checkQuery(projectionsQuery, readQuery(req.getQuery()));
    sendAll(exchange, parts, fingerprints === 'true').catch((error: unknown) => exchange.refuse(error));
  });
  router.add(
    'POST',
    '/v1/projections/{projection}/rebuild',
    handler(parts, async (exchange, { projection }) => {
      projections.rebuild(projection);
      exchange.send(202, JSON_TYPE, JSON.stringify(shown(parts, projections.status(projection))), UNCACHED);
    }),
  );
  router.add('POST', '/v1/projections/{projection}/promote', handler(parts, promote(parts)));
}

function handler(
  { callers }: ProjectionRouteParts,
  answer: (exchange: Exchange, fields: Fields) => Promise<void>,
): Handler {
  return (exchange, req, pattern) => {
    const caller = callers.admin(req.getHeader('authorization'));
    const projection = readParam(pattern, req, 0);
    receiveJson(exchange, req, (body) => {
      if (body !== undefined) throw errors.error('request.invalid', 'this request takes no body');
      answer(exchange, { projection, caller }).catch((error: unknown) => exchange.refuse(error));
    });
  };
}

/** The copy that stands by takes over at the position of the event; the answer waits until it has. */
function promote(parts: ProjectionRouteParts) {
  const { bus, projections } = parts;
  return async (exchange: Exchange, { projection, caller }: Fields): Promise<void> => {
    const { version, rebuild } = projections.status(projection);
    if (rebuild === null) {
      throw errors.error('projection.not-rebuilt', `no copy of ${projection} was rebuilt: POST …/rebuild begins one`);
    }
    if (rebuild.fault !== null) {
      throw errors.error('projection.not-rebuilt', `the copy cannot go on: ${rebuild.fault}`);
    }
    if (!rebuild.isCaughtUp) {
      const position = positionOf(parts.log, rebuild.offset);
      throw errors.error('projection.not-rebuilt', `the copy is at ${position} and has not caught up`);
    }
    const { generation } = rebuild;
    const data = { projection, version, generation };
    const accepted = await bus.handle({
      type: 'PromoteProjection',
      data,
      caller,
      idempotencyKey: null,
      expected: null,
    });
    if (!(await projections.takenOver(projection, generation, TAKE_OVER_MS_MAX))) {
      throw errors.error('history.not-yet', 'the promotion is on the log; the copy has not folded it yet', {
        retryAfterSeconds: 1,
      });
    }
    const body = JSON.stringify(shown(parts, projections.status(projection)));
    exchange.send(200, JSON_TYPE, body, [...UNCACHED, 'Strata-Position', accepted.position]);
  };
}

async function sendAll(exchange: Exchange, parts: ProjectionRouteParts, withRasters: boolean): Promise<void> {
  const { projections, log } = parts;
  const checkpoint = projections.checkpoint();
  const items: z.infer<typeof projectionShape>[] = [];
  for (const status of projections.statuses()) {
    const rasters = new Map<string, Fingerprint>();
    if (withRasters) {
      // At its own position: what the others of the fold are at is read the same.
      const db = projections.db(Math.min(status.offset, projections.checkpoint()));
      for (const name of status.rasters) rasters.set(name, await db.raster(name).fingerprint());
    }
    items.push(shown(parts, status, rasters));
  }
  const body: z.infer<typeof projectionsShape> = { lagMs: Math.round(projections.lagMs()), items };
  exchange.send(200, JSON_TYPE, JSON.stringify(body), [...UNCACHED, 'Strata-Position', positionOf(log, checkpoint)]);
}

function shown(
  { log }: ProjectionRouteParts,
  { name, version, generation, offset, collections, rasters, rebuild }: ProjectionStatus,
  known: ReadonlyMap<string, Fingerprint> = new Map(),
): z.infer<typeof projectionShape> {
  return {
    projection: name,
    version,
    generation,
    position: positionOf(log, offset),
    structures: [
      ...Object.entries(collections).map(([name, fingerprint]) => ({ name, kind: 'collection' as const, fingerprint })),
      ...rasters.map((name) => ({ name, kind: 'raster' as const, fingerprint: known.get(name) ?? null })),
    ],
    rebuild:
      rebuild === null
        ? null
        : {
            generation: rebuild.generation,
            position: positionOf(log, rebuild.offset),
            eventsPerSecond: Math.round(rebuild.eventsPerSecond),
            secondsLeft: rebuild.secondsLeft === null ? null : Math.round(rebuild.secondsLeft * 10) / 10,
            isCaughtUp: rebuild.isCaughtUp,
            fault: rebuild.fault,
          },
  };
}

function positionOf({ epoch }: EventLog, offset: number): string {
  return formatPosition({ epoch, offsets: [offset] });
}
