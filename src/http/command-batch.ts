import { z } from 'zod';
import type { Json } from '#events/event.ts';
import type { CommandRequest, Result } from '#handling/bus.ts';
import type { Domain, Principal } from '#handling/domain.ts';
import type { CommandRoute } from '#handling/routes.ts';
import { errors, StrataError } from '../errors.ts';
import { commandAnswer, type Fields } from './command-answer.ts';
import { type CommandParts, expectedRevision } from './command-routes.ts';
import { type Exchange, JSON_TYPE } from './exchange.ts';
import { receiveJson } from './json-body.ts';
import { asStrataError, problemOf } from './problem.ts';
import { minimumOffset } from './reading-position.ts';
import type { Handler } from './router.ts';

const COMMANDS_MAX = 1_000;

/** One command of `POST /v1/commands`. */
export const commandItem = z.strictObject({
  type: z.string().min(1).max(63),
  // A body is JSON already; the bus checks the data against the command's own schema.
  data: z.custom<Fields>(isFields, 'must be an object').default({}),
  expectedRevision: z.number().int().min(-1).max(Number.MAX_SAFE_INTEGER).optional(),
  idempotencyKey: z.string().min(1).max(255).optional(),
});

function isFields(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

type Sent = Pick<CommandRequest, 'idempotencyKey' | 'expected' | 'after'>;

/**
 * `POST /v1/commands`: one command, or an array of up to 1,000 that stand or fail each for itself. Item `i` of an array
 * uses `key/i` unless it names its own.
 */
export function commandsHandler(domains: readonly Domain[], parts: CommandParts): Handler {
  const { bus, log, callers, eventJson } = parts;
  const routes = new Map<string, CommandRoute>();
  for (const route of domains.flatMap((domain) => domain.commandRoutes)) {
    if (!routes.has(route.command)) routes.set(route.command, route);
  }
  const commands = domains.flatMap((domain) => domain.commands);
  const uploadOnly = new Set(commands.filter((command) => command.uploadOnly === true).map(({ type }) => type));
  const revertOnly = new Set(commands.filter((command) => command.revertOnly === true).map(({ type }) => type));

  const submit = (item: Json, caller: Principal, sent: Sent, done: (result: Result, answer: string) => void) => {
    const request = readItem(item);
    if (request instanceof StrataError) return done(request, problemText(request));
    const { type, data, idempotencyKey } = request;
    if (uploadOnly.has(type) && caller.role === 'account') {
      const refusal = errors.error('auth.forbidden', `${type} is sent by uploading what it names`);
      return done(refusal, problemText(refusal));
    }
    if (revertOnly.has(type)) {
      const refusal = errors.error('auth.forbidden', `${type} is sent by reverting, which reads what was then`);
      return done(refusal, problemText(refusal));
    }
    const named = request.expectedRevision;
    const expected = named === undefined ? sent.expected : ({ revision: named, as: 'conflict' } as const);
    bus.submit(
      { ...sent, type, data, caller, idempotencyKey: idempotencyKey ?? sent.idempotencyKey, expected },
      (result: Result) => {
        if (result instanceof StrataError) return done(result, problemText(result));
        try {
          const added = routes.get(type)?.answer?.(result, data) ?? null;
          done(result, commandAnswer(result, added, eventJson));
        } catch (error) {
          const failure = asStrataError(error);
          done(failure, problemText(failure));
        }
      },
    );
  };

  const one = (exchange: Exchange, item: Json, caller: Principal, sent: Sent) => {
    submit(item, caller, sent, (result, answer) => {
      if (result instanceof StrataError) return exchange.refuse(result);
      const creates = routes.get((item as Fields).type as string)?.creates === true;
      const headers = ['Strata-Position', result.position];
      if (result.replayed) headers.push('Idempotency-Replayed', 'true');
      exchange.send(creates && result.events.length > 0 ? 201 : 200, JSON_TYPE, answer, headers);
    });
  };

  const many = (exchange: Exchange, items: readonly Json[], caller: Principal, all: Sent) => {
    const { idempotencyKey: key } = all;
    if (items.length > COMMANDS_MAX) {
      throw errors.error('request.invalid', `an array has at most ${COMMANDS_MAX} commands, not ${items.length}`);
    }
    const answers: string[] = new Array<string>(items.length);
    let left = items.length;
    const finish = () => exchange.send(200, JSON_TYPE, `{"results":[${answers.join(',')}]}`, []);
    if (left === 0) return finish();
    for (let at = 0; at < items.length; at += 1) {
      const sent = { ...all, idempotencyKey: key === null ? null : `${key}/${at}` };
      submit(items[at]!, caller, sent, (result, answer) => {
        if (result instanceof StrataError) exchange.report(result);
        answers[at] = answer;
        left -= 1;
        if (left === 0) finish();
      });
    }
  };

  return (exchange, req) => {
    const caller = callers.required(req.getHeader('authorization'));
    const expected = expectedRevision(req);
    const sent = {
      idempotencyKey: req.getHeader('idempotency-key') || null,
      expected,
      ...minimumOffset(req, log),
    };
    receiveJson(exchange, req, (body) => {
      if (body === undefined) throw errors.error('request.invalid', 'the body must be a command or an array of them');
      if (!Array.isArray(body)) return one(exchange, body, caller, sent);
      if (expected !== null) {
        throw errors.error('request.invalid', 'If-Match goes with one command; in an array, use expectedRevision');
      }
      return many(exchange, body, caller, sent);
    });
  };
}

function readItem(item: Json): z.infer<typeof commandItem> | StrataError {
  const parsed = commandItem.safeParse(item);
  if (parsed.success) return parsed.data;
  const mistakes = parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
  return errors.error('request.invalid', `not a command: ${mistakes[0]?.path} ${mistakes[0]?.message}`, {
    errors: mistakes,
  });
}

function problemText(error: StrataError): string {
  const problem = problemOf(error);
  return JSON.stringify(
    error.retryAfterSeconds === undefined ? problem : { ...problem, retryAfterSeconds: error.retryAfterSeconds },
  );
}
