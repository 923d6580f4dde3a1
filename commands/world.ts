import type { RecordedEvent } from '#events/event.ts';
import type { Command, CommandDefinition, Domain, DomainEvent, Fresh, Principal, View } from '#handling/domain.ts';
import { assert } from '#src/assert.ts';
import { errors } from '#src/errors.ts';

export const ADMIN: Principal = { role: 'admin', account: null, actor: 'admin' };
export const SYSTEM: Principal = { role: 'system', account: null, actor: 'system' };

export function holderOf(account: string): Principal {
  return { role: 'account', account, actor: `account:${account}` };
}

export const NOW = Date.parse('2026-05-01T12:00:00.000Z');

export type Sending = {
  readonly as?: Principal;
  /** ms since 1970. */
  readonly at?: number;
  /** Seconds to wait, by admission key: who may not do something again yet. */
  readonly cooling?: { readonly [key: string]: number };
};

export type Outcome = {
  readonly stream: string;
  readonly events: readonly RecordedEvent[];
  readonly made: Command['made'];
};

type Stream = { readonly events: RecordedEvent[]; readonly states: Map<View, unknown> };

/** Domains without a log, a bus or time: what tests of deciders and projections run in. Ids are counted, secrets alike. */
export class World {
  /** All events so far; their offsets are 1, 2, 3 and so on. */
  readonly events: RecordedEvent[] = [];
  readonly #domains: readonly Domain[];
  readonly #streams = new Map<string, Stream>();
  #made = 0;

  constructor(...domains: readonly Domain[]) {
    this.#domains = domains;
  }

  /** What happened before, whether or not it could have. Its data must fit the events' schemas. */
  append(stream: string, decided: readonly DomainEvent[], { as = ADMIN, at = NOW }: Sending = {}): RecordedEvent[] {
    const kept = this.#stream(stream);
    return decided.map(({ type, data }) => {
      const definition = this.#domains.flatMap(({ events }) => events).find((event) => event.type === type);
      assert(definition !== undefined, `the event ${type} is declared`);
      const event: RecordedEvent = {
        id: (this.events.length + 1).toString(16).padStart(32, '0'),
        type,
        version: definition.version,
        at,
        actor: as.actor,
        causation: null,
        keyMark: null,
        data: definition.schema.parse(data) as RecordedEvent['data'],
        stream,
        revision: kept.events.length,
        partition: 0,
        offset: this.events.length + 1,
        recordedAt: at,
      };
      kept.events.push(event);
      this.events.push(event);
      for (const [view, state] of kept.states) kept.states.set(view, view.evolve(state, event));
      return event;
    });
  }

  /** Handles a command as the bus does, in the bus's order. Throws the refusal. */
  send(type: string, data: unknown, sending: Sending = {}): Outcome {
    const { as = ADMIN, at = NOW, cooling = {} } = sending;
    const definition = this.command(type);
    if (!definition.roles.includes(as.role)) throw errors.error('auth.forbidden', type);
    const checked = definition.schema.safeParse(data);
    if (!checked.success) throw errors.error('request.invalid', checked.error.message);
    const made = definition.make?.(this.#fresh()) ?? {};
    const stream = definition.stream(checked.data, made);

    const references: { [name: string]: unknown } = {};
    for (const [name, reference] of Object.entries(definition.references?.(checked.data, as) ?? {})) {
      references[name] = this.state(reference.stream, reference.view);
    }
    const admission = definition.admission?.(checked.data, references, as) ?? null;
    const waitSeconds = admission === null ? undefined : cooling[admission.key];
    if (waitSeconds !== undefined) throw admission?.refusal(waitSeconds);

    const state = definition.view === null ? null : this.state(stream, definition.view);
    const decided = definition.decide({ type, data: checked.data, at, caller: as, made }, state, references);
    return { stream, made, events: this.append(stream, decided, sending) };
  }

  command(type: string): CommandDefinition {
    const definition = this.#domains.flatMap(({ commands }) => commands).find((command) => command.type === type);
    if (definition === undefined) throw errors.error('command.unknown', type);
    return definition;
  }

  /** What a view makes of a stream. */
  state<State>(stream: string, view: View<State>): State {
    const { events, states } = this.#stream(stream);
    if (!states.has(view)) {
      states.set(
        view,
        events.reduce((state, event) => view.evolve(state, event), view.initial),
      );
    }
    // The view itself made it.
    return states.get(view) as State;
  }

  #stream(name: string): Stream {
    const known = this.#streams.get(name);
    if (known !== undefined) return known;
    const stream: Stream = { events: [], states: new Map() };
    this.#streams.set(name, stream);
    return stream;
  }

  #fresh(): Fresh {
    return {
      id: (name) => {
        this.#made += 1;
        return `${name}-${this.#made}`;
      },
      secret: () => {
        this.#made += 1;
        return { secret: `secret-${this.#made}`, hash: this.#made.toString(16).padStart(64, '0') };
      },
      position: () => String(this.events.length),
    };
  }
}
