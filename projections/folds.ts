import type { RecordedEvent } from '#events/event.ts';
import type { Fold, FoldContext } from '#history/projection.ts';

/**
 * Folds by event type, with the events' data typed. Personal fields are sealed there, whatever the type says of them: a
 * fold only ever passes them on.
 */
export function defineFolds<Events>(
  folds: {
    readonly [Type in keyof Events]: (data: Events[Type], event: RecordedEvent, context: FoldContext) => void;
  },
): { readonly [type: string]: Fold } {
  const typed: { [type: string]: Fold } = {};
  for (const type in folds) {
    const fold = folds[type];
    // What is on the log passed its event's schema when it was written.
    typed[type] = (event, context) => fold(event.data as Events[typeof type], event, context);
  }
  return typed;
}

/** RFC 3339 in UTC with milliseconds, as documents hold times. */
export function timeText(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
