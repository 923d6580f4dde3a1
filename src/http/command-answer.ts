import type { Json } from '#events/event.ts';
import type { Accepted } from '#handling/domain.ts';
import type { EventJson } from './event-json.ts';

export type Fields = { readonly [name: string]: Json };

/** The answer to an accepted command as JSON text, `{position, stream, revision, events}` with what the route adds. */
export function commandAnswer(accepted: Accepted, added: Fields | null, eventJson: EventJson): string {
  const { events, position } = accepted;
  let listed = '';
  for (let at = 0; at < events.length; at += 1) {
    const event = events[at]!;
    // The last event's position is the answer's.
    const own = at === events.length - 1 ? position : eventJson.positionOf(event);
    listed += at === 0 ? eventJson.inAnswer(event, own) : `,${eventJson.inAnswer(event, own)}`;
  }
  const answer =
    `{"position":"${position}","stream":${JSON.stringify(accepted.stream)},"revision":${accepted.revision},` +
    `"events":[${listed}]`;
  if (added === null) return `${answer}}`;
  const more = JSON.stringify(added).slice(1);
  return more === '}' ? `${answer}}` : `${answer},${more}`;
}
