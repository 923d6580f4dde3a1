import { z } from 'zod';
import { StrataError } from '../../errors.ts';
import type { AddressedCommand } from '../addressed-command.ts';
import type { CommandRequest, Result } from '../bus.ts';
import type { Accepted } from '../domain.ts';

/** Commands in one request from member to member at most. */
export const FORWARDED_MAX = 1_000;

const caller = z.strictObject({
  role: z.enum(['admin', 'account', 'system']),
  account: z.string().nullable(),
  actor: z.string(),
});

/** A command as one member sends it to another: authenticated there, and with what was made for it. */
const command = z.strictObject({
  type: z.string(),
  data: z.unknown().optional(),
  caller,
  idempotencyKey: z.string().nullable(),
  asked: z.unknown().optional(),
  expected: z.strictObject({ revision: z.number(), as: z.enum(['conflict', 'precondition']) }).nullable(),
  causation: z.string().optional(),
  made: z.record(z.string(), z.string()),
});

/** `after` is how far the sender's log had come, as a position's token. */
export const forwardedBatch = z.strictObject({
  after: z.string(),
  commands: z.array(command).min(1).max(FORWARDED_MAX),
});

/** An answer among members: what was accepted as it is, a refusal with all that makes it up. */
const answer = z.union([
  // Both sides are the same program: what the other's bus answered is not checked field by field.
  z.strictObject({ accepted: z.custom<Accepted>((value) => typeof value === 'object' && value !== null) }),
  z.strictObject({
    refused: z.strictObject({
      code: z.string(),
      status: z.number(),
      title: z.string(),
      detail: z.string(),
      errors: z.array(z.strictObject({ path: z.string(), message: z.string() })).optional(),
      retryAfterSeconds: z.number().optional(),
    }),
  }),
]);
const answers = z.strictObject({ results: z.array(answer).max(FORWARDED_MAX) });

export function encodeCommand({ request, made }: AddressedCommand): string {
  const { type, data, caller: by, idempotencyKey, asked, expected, causation } = request;
  return JSON.stringify({ type, data, caller: by, idempotencyKey, asked, expected, causation, made });
}

export function requestOf({ data, asked, causation, ...rest }: z.infer<typeof command>): CommandRequest {
  return { ...rest, data, ...(asked !== undefined && { asked }), ...(causation !== undefined && { causation }) };
}

export function encodeResult(result: Result): string {
  if (!(result instanceof StrataError)) return JSON.stringify({ accepted: result });
  const { code, status, title, message: detail, errors, retryAfterSeconds } = result;
  return JSON.stringify({ refused: { code, status, title, detail, errors, retryAfterSeconds } });
}

/** @throws ZodError or SyntaxError for what is no answer to `count` commands. */
export function decodeResults(text: string, count: number): readonly Result[] {
  const { results } = answers.parse(JSON.parse(text));
  if (results.length !== count) throw new SyntaxError(`${results.length} answers to ${count} commands`);
  return results.map((result) => {
    if ('accepted' in result) return result.accepted;
    const { code, status, title, detail, errors, retryAfterSeconds } = result.refused;
    return new StrataError(code, { status, title }, detail, {
      ...(errors !== undefined && { errors }),
      ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    });
  });
}
