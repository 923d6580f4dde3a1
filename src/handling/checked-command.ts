import { errors } from '../errors.ts';
import type { CommandRequest } from './bus.ts';
import type { Catalogue } from './catalogue.ts';
import type { CommandDefinition } from './domain.ts';

export type CheckedCommand = { readonly definition: CommandDefinition; readonly data: unknown };

/**
 * Type, role and shape of a command: what can be said of it before anything is read.
 * @throws command.unknown, auth.forbidden, request.invalid
 */
export function checkCommand(
  { commands }: Catalogue,
  { type, data, caller }: Pick<CommandRequest, 'type' | 'data' | 'caller'>,
): CheckedCommand {
  const definition = commands.get(type);
  if (definition === undefined) {
    throw errors.error('command.unknown', `there is no command "${String(type).slice(0, 80)}"`);
  }
  if (!definition.roles.includes(caller.role)) {
    throw errors.error('auth.forbidden', `${type} takes the key of: ${definition.roles.join(', ')}`);
  }
  const parsed = definition.schema.safeParse(data);
  if (!parsed.success) {
    const mistakes = parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
    throw errors.error('request.invalid', `${type}: ${mistakes[0]?.path} ${mistakes[0]?.message}`.trim(), {
      errors: mistakes,
    });
  }
  return { definition, data: parsed.data };
}
