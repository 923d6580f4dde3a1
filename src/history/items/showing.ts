import type { EventData, Json, RecordedEvent } from '../../events/event.ts';
import { formatPosition } from '../../events/position.ts';
import { openFields, type SubjectKeys } from '../../events/sealing.ts';
import type { EventLog } from '../../log/event-log.ts';
import type { Showing } from './items.ts';

export type ShowingParts = {
  readonly log: EventLog;
  readonly keys: SubjectKeys;
  /** The synced event at the offset. */
  readonly eventAt: (offset: number) => RecordedEvent;
  readonly dappUrl: (dapp: string) => string;
};

/** What reads need to show what is kept: opened fields, events, positions, addresses. */
export function createShowing({ log, keys, eventAt, dappUrl }: ShowingParts): Showing {
  return {
    open: (bytes) => {
      const document = JSON.parse(bytes.toString('utf8')) as EventData;
      // An object is opened into an object.
      return openFields(document, (subject) => keys.get(subject)) as { readonly [field: string]: Json };
    },
    event: eventAt,
    position: (offset) => formatPosition({ epoch: log.epoch, offsets: [offset] }),
    dappUrl,
  };
}
