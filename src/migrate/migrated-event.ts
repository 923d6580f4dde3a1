import type { LogMigrated } from '#commands/system/events.ts';
import type { RecordedEvent } from '#events/event.ts';
import { eventId } from '#events/identity.ts';

const TYPE = 'LogMigrated';

export type Migrated = {
  readonly logId: string;
  readonly data: LogMigrated;
  /** How often the log was migrated before. */
  readonly revision: number;
  /** ms since 1970. */
  readonly at: number;
};

export function migrationStream(logId: string): string {
  return `log-${logId}`;
}

/** What the log has first on its new engine: the same migration gives the same id. */
export function migratedEvent({ logId, data, revision, at }: Migrated): RecordedEvent {
  const stream = migrationStream(logId);
  return {
    id: eventId(stream, `migrated to ${data.to} at ${data.size}`, 0),
    type: TYPE,
    version: 1,
    at,
    actor: 'system',
    causation: null,
    keyMark: null,
    data,
    stream,
    revision,
    partition: 0,
    offset: data.size + 1,
    recordedAt: at,
  };
}

/** What the event says, where it is one that ends a migration. */
export function migrationOf({ type, data }: RecordedEvent): LogMigrated | null {
  // The schema checked it when it was made.
  return type === TYPE ? (data as LogMigrated) : null;
}
