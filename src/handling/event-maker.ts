import type { EventDefinition } from '#events/definition.ts';
import type { EventData, KeyMark, NewEvent } from '#events/event.ts';
import { eventId, newId } from '#events/identity.ts';
import { type SubjectKeys, sealFields, subjectOf } from '#events/sealing.ts';
import { assert } from '../assert.ts';
import type { DomainEvent } from './domain.ts';
import { commandId } from './idempotency.ts';

/** What the events of one command have in common. */
export type Origin = {
  readonly stream: string;
  readonly at: number;
  readonly actor: string;
  readonly causation: string | null;
  readonly keyMark: KeyMark | null;
};

/** Makes of what was decided what the log takes: ids, versions, sealed fields. */
export class EventMaker {
  readonly #definitions: ReadonlyMap<string, EventDefinition>;
  readonly #keys: SubjectKeys;

  constructor(definitions: ReadonlyMap<string, EventDefinition>, keys: SubjectKeys) {
    this.#definitions = definitions;
    this.#keys = keys;
  }

  /** The subjects whose keys must be made before these events can be sealed. */
  keyless(decided: readonly DomainEvent[]): readonly string[] {
    const subjects: string[] = [];
    for (const event of decided) {
      const subject = subjectOf(this.#definitionOf(event.type), event.data);
      if (subject !== null && this.#keys.get(subject) === null) subjects.push(subject);
    }
    return subjects;
  }

  make(decided: readonly DomainEvent[], { stream, at, actor, causation, keyMark }: Origin): NewEvent[] {
    // A command without a key is never sent again as the same one: its events need no id that can be found again.
    const command = keyMark === null ? null : commandId(keyMark);
    return decided.map(({ type, data }, index) => {
      const definition = this.#definitionOf(type);
      const id = command === null ? newId() : eventId(stream, command, index);
      return {
        id,
        type,
        version: definition.version,
        at,
        actor,
        causation,
        keyMark,
        data: this.#sealed(definition, data),
      };
    });
  }

  #sealed(definition: EventDefinition, data: EventData): EventData {
    const subject = subjectOf(definition, data);
    if (subject === null) return data;
    const key = this.#keys.get(subject);
    assert(key !== null, 'a subject has a key before its fields are sealed');
    return sealFields(definition, data, key);
  }

  #definitionOf(type: string): EventDefinition {
    const definition = this.#definitions.get(type);
    assert(definition !== undefined, `the event ${type} is declared`);
    return definition;
  }
}
