import type { Json } from '#events/event.ts';
import type { Bus, CommandRequest } from '#handling/bus.ts';
import type { Accepted } from '#handling/domain.ts';
import type { CommandRoute } from '#handling/routes.ts';
import type { Projections } from '#history/db.ts';
import type { EventLog } from '#log/event-log.ts';
import { errors, StrataError } from '../errors.ts';
import type { Callers } from './callers.ts';
import { commandAnswer, type Fields } from './command-answer.ts';
import type { EventJson } from './event-json.ts';
import { JSON_TYPE } from './exchange.ts';
import { receiveJson } from './json-body.ts';
import { minimumOffset } from './reading-position.ts';
import { readParam, readQuery } from './route-pattern.ts';
import type { Handler } from './router.ts';
import type { HttpRequest } from './uws.ts';

export type CommandParts = {
  readonly bus: Bus;
  readonly log: EventLog;
  readonly projections: Projections;
  readonly callers: Callers;
  readonly eventJson: EventJson;
};

/** An accepted command is answered in the end, also where the projections have stopped. */
const FOLDED_MS_MAX = 5000;

const ZERO = 0x30;
const INTEGER = /^-?(?:0|[1-9][0-9]{0,15})$/;
const REVISION_TAG = /^"r(0|[1-9][0-9]{0,15})"$/;

/** The handler of one declared route. No promise is made for a request: this is the path that a pixel takes. */
export function commandHandler(route: CommandRoute, parts: CommandParts): Handler {
  const { bus, log, projections, callers, eventJson } = parts;
  const integers = new Set(route.integers);
  const takesBody = route.bodyless !== true;

  return (exchange, req, pattern) => {
    const caller = callers.required(req.getHeader('authorization'));
    const idempotencyKey = req.getHeader('idempotency-key') || null;
    const expected = expectedRevision(req);
    const least = minimumOffset(req, log);
    const query = route.data === undefined ? null : readQuery(req.getQuery());
    // Asked only where the body cannot say what is meant: a wish that is not understood must not be half granted.
    if (!takesBody && query === null && (req.getQuery() ?? '') !== '') {
      throw errors.error('request.invalid', 'this request takes no query');
    }
    const params: { [name: string]: Json } = {};
    for (let at = 0; at < pattern.names.length; at += 1) {
      const name = pattern.names[at]!;
      const text = readParam(pattern, req, at);
      params[name] = integers.has(name) ? integerParam(text) : text;
    }

    receiveJson(exchange, req, (body) => {
      const fields = joinFields(params, body, takesBody);
      const data = route.data === undefined ? fields : route.data(fields, caller, query ?? {});
      bus.submit({ type: route.command, data, caller, idempotencyKey, expected, ...least }, (result) => {
        if (exchange.over) return;
        if (result instanceof StrataError) return exchange.refuse(result);
        try {
          const added = route.answer?.(result, data) ?? null;
          const status = route.creates === true && result.events.length > 0 ? 201 : 200;
          const headers = result.replayed
            ? ['Strata-Position', result.position, 'Idempotency-Replayed', 'true']
            : ['Strata-Position', result.position];
          const answer = commandAnswer(result, added, eventJson);
          if (route.settles !== true) exchange.send(status, JSON_TYPE, answer, headers);
          else whenFolded(result, projections, () => exchange.send(status, JSON_TYPE, answer, headers));
        } catch (error) {
          exchange.refuse(error);
        }
      });
    });
  };
}

function whenFolded({ events }: Accepted, projections: Projections, answer: () => void): void {
  projections.waitFor(events.at(-1)?.offset ?? 0, FOLDED_MS_MAX).then(answer, answer);
}

/** `If-Match: "r4"` names the revision that the stream must be at. @throws request.invalid */
export function expectedRevision(req: HttpRequest): CommandRequest['expected'] {
  const tag = req.getHeader('if-match');
  if (tag === '') return null;
  const match = REVISION_TAG.exec(tag);
  if (match === null) throw errors.error('request.invalid', 'If-Match takes a revision, as in "r4" with its quotes');
  return { revision: Number(match[1]), as: 'precondition' };
}

/** Left as text where it is no integer: then the command's schema refuses it. */
function integerParam(text: string): Json {
  return smallInteger(text) ?? (INTEGER.test(text) ? Number(text) : text);
}

/** Up to nine digits, as nearly all are, without asking the runtime for a pattern or a number. */
function smallInteger(text: string): number | null {
  const { length } = text;
  if (length === 0 || length > 9 || (length > 1 && text.charCodeAt(0) === ZERO)) return null;
  let value = 0;
  for (let at = 0; at < length; at += 1) {
    const digit = text.charCodeAt(at) - ZERO;
    if (digit < 0 || digit > 9) return null;
    value = value * 10 + digit;
  }
  return value;
}

/** Adds the body's fields to the path's parameters, in place. @throws request.invalid */
function joinFields(params: { [name: string]: Json }, body: Json | undefined, takesBody: boolean): Fields {
  if (body === undefined) return params;
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw errors.error('request.invalid', 'the body must be a JSON object');
  }
  const given = body as Fields;
  for (const name in given) {
    if (!takesBody) throw errors.error('request.invalid', 'this request takes no body');
    const value = given[name]!;
    if (Object.hasOwn(params, name) && params[name] !== value) {
      const mistake = { path: name, message: 'is another value than in the address' };
      throw errors.error('request.invalid', `${name} ${mistake.message}`, { errors: [mistake] });
    }
    params[name] = value;
  }
  return params;
}
