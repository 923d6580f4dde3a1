import type { EventData } from '#events/event.ts';
import type { Invariant } from '#handling/invariant.ts';

/**
 * An invariant from one step for each event type that it follows. Steps change the state in place, because millions of
 * events pass, and answer what the event breaks, in words, or `null`.
 */
export function defineInvariant<Events, State>(
  name: string,
  initial: () => State,
  steps: { readonly [Type in keyof Events]?: (state: State, data: Events[Type], stream: string) => string | null },
  summary: (state: State) => string,
): Invariant {
  // What is on the log passed its event's schema when it was written.
  const byType = new Map(Object.entries(steps)) as Map<
    string,
    (state: State, data: EventData, stream: string) => string | null
  >;
  return {
    name,
    types: [...byType.keys()],
    begin: () => {
      const state = initial();
      return {
        visit: (event) => byType.get(event.type)!(state, event.data, event.stream),
        summary: () => summary(state),
      };
    },
  };
}
