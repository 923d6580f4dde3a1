import { formatPosition, type Position, parsePosition } from '#events/position.ts';
import type { EventLog } from '#log/event-log.ts';

type Followed = Pick<EventLog, 'id' | 'epoch' | 'head'>;

/** How far a log was followed, to be remembered. */
export function encodeCursor({ id }: Pick<EventLog, 'id'>, position: Position): string {
  return `${formatPosition(position)} ${id}`;
}

/**
 * How far this log was followed by what is remembered: from its beginning where that is nothing, or of another epoch, or of
 * another log. `isOfAnotherLog`: what else was remembered with it means nothing here, as where a topic was made again.
 */
export function decodeCursor(
  log: Followed,
  text: string | undefined,
): { readonly position: Position; readonly isOfAnotherLog: boolean } {
  const start = { epoch: log.epoch, offsets: log.head().offsets.map(() => 0) };
  // Versions before named no log.
  const [token, id = log.id] = text?.split(' ') ?? [];
  const isOfAnotherLog = id !== log.id;
  if (token === undefined || isOfAnotherLog) return { position: start, isOfAnotherLog };
  const position = parsePosition(token);
  return { position: position.epoch === log.epoch ? position : start, isOfAnotherLog };
}
