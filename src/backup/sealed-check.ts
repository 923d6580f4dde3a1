import type { EventDefinition } from '#events/definition.ts';
import type { RecordedEvent } from '#events/event.ts';
import { isSealed, unseal } from '#events/sealing.ts';
import type { Findings } from './findings.ts';

/** Subjects' keys; `null` for one that was destroyed. */
export type KnownKeys = ReadonlyMap<string, Buffer | null>;

/** Looks whether every sealed field of the event can be opened, unless its subject was erased. */
export function checkSealed(
  event: RecordedEvent,
  definition: EventDefinition | undefined,
  keys: KnownKeys,
  findings: Findings,
): void {
  if (definition === undefined) return;
  for (const field of definition.personal) {
    const value = event.data[field];
    if (!isSealed(value)) continue;
    const key = keys.get(value.subject);
    const found = (problem: string) => findings.add({ part: 'keys', problem, position: event.offset });
    if (key === null) continue;
    if (key === undefined) found(`the key of ${value.subject} is missing`);
    else if (!opens(value, key)) found(`the key of ${value.subject} does not open ${field}`);
  }
}

function opens(value: Parameters<typeof unseal>[0], key: Buffer): boolean {
  try {
    unseal(value, key);
    return true;
  } catch {
    return false;
  }
}
