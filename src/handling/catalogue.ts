import type { EventDefinition } from '#events/definition.ts';
import { assert } from '../assert.ts';
import type { CommandDefinition, Domain } from './domain.ts';

/** All that the domains declare, by name. */
export type Catalogue = {
  readonly commands: ReadonlyMap<string, CommandDefinition>;
  readonly events: ReadonlyMap<string, EventDefinition>;
};

/** Collects the domains' commands and events; a name that two of them use is a defect. */
export function catalogue(domains: readonly Domain[]): Catalogue {
  const commands = new Map<string, CommandDefinition>();
  const events = new Map<string, EventDefinition>();
  const reactors = new Set<string>();
  for (const domain of domains) {
    for (const { name } of domain.reactors) {
      assert(!reactors.has(name), `one domain declares the reactor ${name}`);
      reactors.add(name);
    }
    for (const command of domain.commands) {
      assert(!commands.has(command.type), `one domain declares the command ${command.type}`);
      commands.set(command.type, command);
    }
    for (const event of domain.events) {
      assert(!events.has(event.type), `one domain declares the event ${event.type}`);
      events.set(event.type, event);
    }
  }
  return { commands, events };
}
