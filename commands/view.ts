import type { StreamEvent, View } from '#handling/domain.ts';

/** Event types to their data: what a domain's `events.ts` declares of its events. */
export type EventOf<Events> = {
  readonly [Type in keyof Events & string]: { readonly type: Type; readonly data: Events[Type] };
}[keyof Events & string];

/**
 * A view from one pure step for each event type that it knows; the rest leave the state as it is. Steps get the event's
 * data and `at`, ms since 1970.
 */
export function defineView<Events, State>(
  name: string,
  initial: State,
  steps: { readonly [Type in keyof Events]?: (state: State, data: Events[Type], at: number) => State },
): View<State> {
  return {
    name,
    initial,
    evolve(state: State, { type, data, at }: StreamEvent): State {
      if (!Object.hasOwn(steps, type)) return state;
      const step = steps[type as keyof Events];
      // What is on the log passed its event's schema when it was written.
      return step === undefined ? state : step(state, data as Events[keyof Events], at);
    },
  };
}
