import type { KeyMark } from '#events/event.ts';
import type { CommandRequest } from './bus.ts';
import type { Catalogue } from './catalogue.ts';
import { checkCommand } from './checked-command.ts';
import type { Command, CommandDefinition } from './domain.ts';
import { checkKey, fresh, keyMark } from './idempotency.ts';

/** A command whose type, role and shape are right, with what the server made for it and the stream that it writes. */
export type AddressedCommand = {
  readonly request: CommandRequest;
  readonly definition: CommandDefinition;
  readonly data: unknown;
  readonly made: Command['made'];
  readonly stream: string;
  readonly mark: KeyMark | null;
};

const NOTHING: Command['made'] = Object.freeze({});

/**
 * Finds the stream that a command writes: all that can be said of it before anything is read. `position` tells how far
 * the log has come.
 * @throws command.unknown, auth.forbidden, request.invalid
 */
export function addressCommand(
  catalogue: Catalogue,
  request: CommandRequest,
  position: () => string,
): AddressedCommand {
  const { definition, data } = checkCommand(catalogue, request);
  let mark: KeyMark | null = null;
  if (request.idempotencyKey !== null) {
    checkKey(request.idempotencyKey);
    mark = keyMark(request.caller, request.idempotencyKey, request.type, request.asked ?? data);
  }
  const made = request.made ?? definition.make?.(fresh(mark, position)) ?? NOTHING;
  return { request, definition, data, made, stream: definition.stream(data, made), mark };
}
