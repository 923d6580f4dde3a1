import { assert } from '../assert.ts';
import { errors } from '../errors.ts';
import type { EventDefinition } from './definition.ts';
import type { EventData } from './event.ts';

/**
 * Data that was written as an earlier version, as the definition's own version has it. (Upcasting as event stores know it:
 * G. Young, "Versioning in an Event Sourced System".)
 */
export function upcast({ type, version, upcasts }: EventDefinition, written: number, data: EventData): EventData {
  let upcasted = data;
  for (let from = written; from < version; from += 1) {
    const step = upcasts[from];
    assert(step !== undefined, `${type} has an upcast from version ${from}`);
    upcasted = step(upcasted);
  }
  return upcasted;
}

/** @throws event.unknown-version where a later Strata wrote the event at `offset`. */
export function requireKnownVersion({ type, version }: EventDefinition, written: number, offset: number): void {
  if (written <= version) return;
  const detail = `${type} stands at ${offset} in version ${written}; this Strata knows it up to ${version}`;
  throw errors.error('event.unknown-version', detail);
}
