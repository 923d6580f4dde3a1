import { z } from 'zod';
import type { Json } from '#events/event.ts';
import { formatPosition } from '#events/position.ts';
import type { CommandRequest } from '#handling/bus.ts';
import type { Accepted, Principal } from '#handling/domain.ts';
import type { CommandData, RevertContext, RevertRoute } from '#handling/routes.ts';
import type { Showing } from '#history/items/items.ts';
import type { EventLog } from '#log/event-log.ts';
import { assert } from '../assert.ts';
import { errors } from '../errors.ts';
import { checkBody } from './body-check.ts';
import { commandAnswer } from './command-answer.ts';
import { type CommandParts, expectedRevision } from './command-routes.ts';
import { type Exchange, JSON_TYPE } from './exchange.ts';
import { receiveJson } from './json-body.ts';
import { readerOf } from './reading-answer.ts';
import { minimumOffset, reachAsOf, waitForOffset } from './reading-position.ts';
import { readParams } from './route-pattern.ts';
import type { Handler } from './router.ts';

export type RevertParts = CommandParts & { readonly log: EventLog; readonly showing: Showing };

/** Reverts that wait for a position or their commands. */
const WAITING_MAX = 1_000;
const SENT_AHEAD_MAX = 8;

/** What a revert goes back to: whatever `asOf` takes. */
export const revertBody = z.strictObject({ to: z.string().min(1).max(1024) });

type Revert = {
  readonly caller: Principal;
  readonly params: { readonly [name: string]: string };
  readonly idempotencyKey: string | null;
  readonly expected: CommandRequest['expected'];
  readonly after?: number;
};

/** Handlers of declared reverts: each reads the state of then as reads do, and sends what restores it. */
export function revertHandlers(parts: RevertParts): (route: RevertRoute) => Handler {
  let waiting = 0;
  return (route) => {
    const schema = revertBody.extend(route.body.shape);
    return (exchange, req, pattern) => {
      const revert = {
        caller: parts.callers.required(req.getHeader('authorization')),
        params: readParams(pattern, req),
        idempotencyKey: req.getHeader('idempotency-key') || null,
        expected: expectedRevision(req),
        ...minimumOffset(req, parts.log),
      };
      receiveJson(exchange, req, (body) => {
        const asked = checkBody(schema, body) as { readonly to: string; readonly [name: string]: Json };
        if (waiting >= WAITING_MAX) {
          throw errors.error('server.busy', 'too many reverts wait', { retryAfterSeconds: 1 });
        }
        waiting += 1;
        answer(exchange, parts, route, revert, asked)
          .catch((error: unknown) => exchange.refuse(error))
          .finally(() => {
            waiting -= 1;
          });
      });
    };
  };
}

async function answer(
  exchange: Exchange,
  parts: RevertParts,
  route: RevertRoute,
  revert: Revert,
  { to, ...body }: { readonly to: string; readonly [name: string]: Json },
): Promise<void> {
  const { caller, params, idempotencyKey: key, expected, after } = revert;
  const least = after === undefined ? null : { after };
  const read = route.read(await contextOf(parts, revert, to, body));
  // A retry may find another state, or mean another position by `-PT10M`: its key stands for what was asked.
  const asked = { ...params, ...body, to };
  const send = (data: CommandData, idempotencyKey: string | null) =>
    parts.bus.handle({ type: route.command, data, caller, idempotencyKey, expected, asked, ...least });

  if (!isSeveral(read)) {
    const accepted = await send(await read, key);
    const headers = ['Strata-Position', accepted.position];
    if (accepted.replayed) headers.push('Idempotency-Replayed', 'true');
    exchange.send(200, JSON_TYPE, commandAnswer(accepted, null, parts.eventJson), headers);
    return;
  }
  assert(route.answer !== undefined, 'a revert by several commands says how it is answered');
  if (expected !== null) throw errors.error('request.invalid', 'If-Match goes with a revert of one stream');
  const told = await route.answer(inTurn(read, (data, at) => send(data, key === null ? null : `${key}/${at}`)));
  const position = formatPosition(parts.log.head());
  exchange.send(200, JSON_TYPE, JSON.stringify({ position, ...told }), ['Strata-Position', position]);
}

/** Sends some commands ahead of the one whose answer is waited for. */
async function* inTurn(
  commands: AsyncIterable<CommandData>,
  send: (data: CommandData, at: number) => Promise<Accepted>,
): AsyncGenerator<Accepted> {
  const sent: Promise<PromiseSettledResult<Accepted>>[] = [];
  let at = 0;
  try {
    for await (const data of commands) {
      sent.push(settled(send(data, at)));
      at += 1;
      if (sent.length === SENT_AHEAD_MAX) yield acceptedOf(await sent.shift()!);
    }
    while (sent.length > 0) yield acceptedOf(await sent.shift()!);
  } finally {
    // After a refusal the others are carried out still, and nobody asks how.
    await Promise.all(sent);
  }
}

async function settled<Value>(promise: Promise<Value>): Promise<PromiseSettledResult<Value>> {
  const [result] = await Promise.allSettled([promise]);
  return result;
}

function acceptedOf(result: PromiseSettledResult<Accepted>): Accepted {
  if (result.status === 'rejected') throw result.reason;
  return result.value;
}

async function contextOf(
  { log, projections, showing }: RevertParts,
  { caller, params }: Revert,
  to: string,
  body: RevertContext['body'],
): Promise<RevertContext> {
  // What the caller was answered before is to be seen.
  const head = log.head().offsets[0]!;
  const asOf = await reachAsOf(to, { log, projections });
  await waitForOffset(head, projections);
  return {
    ...showing,
    db: projections.db(asOf.offset),
    now: projections.db(),
    params,
    body,
    reader: readerOf(caller),
    caller,
    to: showing.position(asOf.offset),
  };
}

function isSeveral(read: ReturnType<RevertRoute['read']>): read is AsyncIterable<CommandData> {
  return Symbol.asyncIterator in read;
}
