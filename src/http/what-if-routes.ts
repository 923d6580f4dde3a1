import { z } from 'zod';
import { time } from '#commands/fields.ts';
import type { Json } from '#events/event.ts';
import { catalogue } from '#handling/catalogue.ts';
import type { Principal } from '#handling/domain.ts';
import { WHAT_IF_COMMANDS_MAX, type WhatIf, type WhatIfParts, type WhatIfResult, whatIf } from '#handling/what-if.ts';
import { allOf, type DiffCatalogue, differenceIn } from '#history/items/diff.ts';
import type { Showing } from '#history/items/items.ts';
import { errors, StrataError } from '../errors.ts';
import { checkBody } from './body-check.ts';
import type { Callers } from './callers.ts';
import { type Exchange, JSON_TYPE } from './exchange.ts';
import { receiveJson } from './json-body.ts';
import { problem } from './openapi-shapes.ts';
import type { HttpParts } from './parts.ts';
import { problemOf } from './problem.ts';
import { reachAsOf, waitForOffset } from './reading-position.ts';
import type { Handler } from './router.ts';

/** Each may read long streams, and all of them share the thread. */
const AT_ONCE_MAX = 4;

const command = z.strictObject({
  type: z.string().min(1).max(63),
  // A body is JSON already; deciding checks the data against the command's own schema.
  data: z.custom<Json>((value) => typeof value === 'object' && value !== null && !Array.isArray(value)).default({}),
  at: time.optional().describe('when it would be sent; the time of the position unless told'),
});

export const whatIfBody = z.strictObject({
  asOf: z.string().min(1).max(1024).optional().describe('as of a GET; now unless told'),
  commands: z.array(command).max(WHAT_IF_COMMANDS_MAX),
  diff: z
    .strictObject({
      in: z.string().min(1).max(255).describe('as of GET /v1/diff'),
      prefix: z.string().min(1).max(255).optional(),
    })
    .optional(),
});

const event = z.object({
  id: z.null(),
  type: z.string(),
  data: z.record(z.string(), z.unknown()),
  position: z.null(),
  revision: z.int(),
  recordedAt: z.iso.datetime(),
});
const decided = z.object({ position: z.null(), stream: z.string(), revision: z.int(), events: z.array(event) });

export const whatIfAnswer = z.object({
  position: z.string().describe('of the state that they were decided on'),
  results: z.array(z.union([decided, problem])),
  diff: z
    .object({ items: z.array(z.looseObject({})) })
    .nullable()
    .describe('items as of GET /v1/diff, whose position is null; null where none was asked for'),
});

export type WhatIfRouteParts = Pick<HttpParts, 'log' | 'keys' | 'eventAt' | 'projections' | 'domains'> & {
  readonly callers: Callers;
  readonly catalogue: DiffCatalogue;
  readonly showing: Showing;
};

/** `POST /v1/whatif`: what commands would do to a present or past state. */
export function whatIfHandler(parts: WhatIfRouteParts): Handler {
  const { domains, log, keys, eventAt } = parts;
  const deciding: WhatIfParts = {
    log,
    keys,
    eventAt,
    clock: Date.now,
    catalogue: catalogue(domains),
    definitions: domains.flatMap((domain) => domain.projections),
  };
  let running = 0;
  return (exchange, req) => {
    const caller = parts.callers.admin(req.getHeader('authorization'));
    receiveJson(exchange, req, (body) => {
      const asked = checkBody(whatIfBody, body);
      if (running >= AT_ONCE_MAX) {
        throw errors.error('server.busy', `${AT_ONCE_MAX} what-ifs run at once`, { retryAfterSeconds: 1 });
      }
      running += 1;
      answer(exchange, parts, deciding, caller, asked)
        .catch((error: unknown) => exchange.refuse(error))
        .finally(() => {
          running -= 1;
        });
    });
  };
}

async function answer(
  exchange: Exchange,
  parts: WhatIfRouteParts,
  deciding: WhatIfParts,
  caller: Principal,
  asked: z.infer<typeof whatIfBody>,
): Promise<void> {
  const offset = await offsetOf(asked.asOf, parts);
  const commands = asked.commands.map(({ type, data, at }) => ({
    type,
    data,
    ...(at !== undefined && { at: Date.parse(at) }),
  }));
  const { db, results } = await whatIf(deciding, { db: parts.projections.db(offset), caller, commands });
  const position = parts.showing.position(offset);
  const diff = asked.diff === undefined ? null : { items: await changes(asked.diff, db, parts) };
  const body = JSON.stringify({ position, results: results.map(shown), diff });
  exchange.send(200, JSON_TYPE, body, ['Strata-Position', position, 'Cache-Control', 'private, no-store']);
}

/** @throws as `reachAsOf` */
async function offsetOf(asOf: string | undefined, { log, projections }: WhatIfRouteParts): Promise<number> {
  if (asOf !== undefined) return (await reachAsOf(asOf, { log, projections })).offset;
  const head = log.head().offsets[0]!;
  await waitForOffset(head, projections);
  return head;
}

/** Of the commands alone: from the position to what they would have made of it. */
async function changes(
  { in: named, prefix }: NonNullable<z.infer<typeof whatIfBody>['diff']>,
  db: WhatIf['db'],
  { catalogue, showing }: WhatIfRouteParts,
): Promise<object[]> {
  const query = { from: db.base.offset, account: null, documents: true, ...(prefix !== undefined && { prefix }) };
  const items: object[] = [];
  for await (const item of allOf(differenceIn(catalogue, named, query, db, db.showing(showing)))) items.push(item);
  return items;
}

/** As an accepted command is answered, of what has neither id nor position. */
function shown(result: WhatIfResult | StrataError): object {
  if (result instanceof StrataError) return problemOf(result);
  const { stream, revision, events } = result;
  return {
    position: null,
    stream,
    revision,
    events: events.map(({ type, data, revision, recordedAt }) => ({
      id: null,
      type,
      data,
      position: null,
      revision,
      recordedAt: new Date(recordedAt).toISOString(),
    })),
  };
}
