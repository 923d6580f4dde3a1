import type { Cooldowns } from '#cache/cooldowns.ts';
import type { KeyMark, RecordedEvent } from '#events/event.ts';
import { formatPosition, positionAfter } from '#events/position.ts';
import type { SubjectKeys } from '#events/sealing.ts';
import type { EventLog } from '#log/event-log.ts';
import { errors, isStrataError, StrataError } from '../errors.ts';
import { AppendQueue } from './append-queue.ts';
import type { Bus, CommandRequest, Result } from './bus.ts';
import type { Catalogue } from './catalogue.ts';
import { checkCommand } from './checked-command.ts';
import type { Accepted, Admission, Command, CommandDefinition, DomainEvent } from './domain.ts';
import { EventMaker } from './event-maker.ts';
import { checkKey, fresh, keyMark } from './idempotency.ts';
import { type StreamState, StreamStates } from './stream-states.ts';

/** Commands submitted and not yet answered; beyond it, `server.busy`. */
const IN_FLIGHT_MAX = 20_000;
/** How often a command is decided again when another writer, or a failed write, took the ground from under it. */
const TRIES_MAX = 5;

export type BusOptions = {
  readonly log: EventLog;
  readonly catalogue: Catalogue;
  readonly keys: SubjectKeys;
  readonly cooldowns: Cooldowns;
  /** ms since 1970. */
  readonly clock: () => number;
  /** `at` never falls below this: when the log's last event was recorded. */
  readonly notBefore: number;
  /** For how long synced events have waited for the projections, in ms: above 1 s, admission slows. */
  readonly lagMs: () => number;
  /** Why nothing may be written now, or `null`. */
  readonly fault: () => StrataError | null;
};

/** A command on its way: checked, and in the order of its stream. */
type Flight = {
  readonly request: CommandRequest;
  readonly definition: CommandDefinition;
  readonly data: unknown;
  readonly made: Command['made'];
  readonly stream: string;
  readonly mark: KeyMark | null;
  readonly done: (result: Result) => void;
  /** True once it stands for its key: twins wait for its answer. */
  leads: boolean;
  /** What it is decided on, once nothing of it is missing. */
  state: StreamState | null;
  references: { readonly [name: string]: unknown };
  tries: number;
};

/** What a flight still lacks before it can be decided. */
type Missing = (() => Promise<unknown>) | null;

const NOTHING: { readonly [name: string]: never } = Object.freeze({});

export function createBus(options: BusOptions): Bus {
  return new CommandBus(options);
}

class CommandBus implements Bus {
  readonly #options: BusOptions;
  readonly #states: StreamStates;
  readonly #queue: AppendQueue;
  readonly #events: EventMaker;
  /** Streams whose next command waits for a read; those behind it keep their order. */
  readonly #lanes = new Map<string, Flight[]>();
  /** Keyed flights by stream and key: twins share one. */
  readonly #twins = new Map<string, { readonly body: string; readonly waiting: ((result: Result) => void)[] }>();
  #inFlight = 0;
  #lastAt: number;
  #whenIdle: (() => void) | null = null;
  #closing = false;

  /** For commands that name how far the log has come. */
  readonly #position = (): string => formatPosition(this.#options.log.head());

  constructor(options: BusOptions) {
    this.#options = options;
    this.#lastAt = options.notBefore;
    this.#events = new EventMaker(options.catalogue.events, options.keys);
    this.#queue = new AppendQueue(options.log, options.lagMs, (stream) => this.#states.drop(stream));
    this.#states = new StreamStates(options.log, options.keys, this.#queue);
  }

  handle(request: CommandRequest): Promise<Accepted> {
    return new Promise((resolve, reject) => {
      this.submit(request, (result) => (result instanceof StrataError ? reject(result) : resolve(result)));
    });
  }

  submit(request: CommandRequest, done: (result: Result) => void): void {
    let flight: Flight;
    try {
      this.#admit();
      flight = this.#check(request, done);
    } catch (error) {
      done(asStrataError(error));
      return;
    }
    this.#inFlight += 1;
    const lane = this.#lanes.get(flight.stream);
    if (lane !== undefined) lane.push(flight);
    else this.#advance(flight);
  }

  async close(): Promise<void> {
    this.#closing = true;
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
  }

  #admit(): void {
    const fault = this.#options.fault();
    if (fault !== null) throw fault;
    if (this.#closing || this.#inFlight >= IN_FLIGHT_MAX) {
      throw errors.error('server.busy', 'too many commands are in flight', { retryAfterSeconds: 1 });
    }
  }

  /** Type, shape and role; everything after this is done in the stream's order. */
  #check(request: CommandRequest, done: (result: Result) => void): Flight {
    const { definition, data } = checkCommand(this.#options.catalogue, request);
    let mark: KeyMark | null = null;
    if (request.idempotencyKey !== null) {
      checkKey(request.idempotencyKey);
      mark = keyMark(request.caller, request.idempotencyKey, request.type, request.asked ?? data);
    }
    const made = definition.make?.(fresh(mark, this.#position)) ?? NOTHING;
    const stream = definition.stream(data, made);
    return {
      request,
      definition,
      data,
      made,
      stream,
      mark,
      done,
      leads: false,
      state: null,
      references: NOTHING,
      tries: 0,
    };
  }

  /** Decides at once when nothing must be read first: the hot path. Else the stream gets a lane. */
  #advance(flight: Flight): void {
    if (flight.mark === null && this.#missing(flight) === null) {
      const missing = this.#decide(flight);
      if (missing === null) return;
    }
    const lane = [flight];
    this.#lanes.set(flight.stream, lane);
    void this.#drive(flight.stream, lane);
  }

  /** Takes the commands of one stream in turn, reading for each what it lacks. */
  async #drive(stream: string, lane: Flight[]): Promise<void> {
    for (let flight = lane[0]; flight !== undefined; flight = lane[0]) {
      try {
        if (!(await this.#answeredBefore(flight))) {
          let missing: Missing = this.#missing(flight);
          do {
            if (missing !== null) await missing();
            missing = this.#missing(flight) ?? this.#decide(flight);
          } while (missing !== null);
        }
      } catch (error) {
        this.#answer(flight, asStrataError(error));
      }
      lane.shift();
    }
    this.#lanes.delete(stream);
  }

  /** The first state that is not at hand; with `null`, the flight has all that it is decided on. */
  #missing(flight: Flight): Missing {
    const { view, references } = flight.definition;
    if (view !== null) {
      flight.state = this.#states.ready(flight.stream, view);
      if (flight.state === null) return () => this.#states.load(flight.stream, view);
    }
    if (references === undefined) return null;
    const declared = references(flight.data, flight.request.caller);
    const found: { [name: string]: unknown } = {};
    for (const name in declared) {
      const { view: referenced, stream } = declared[name]!;
      const state = this.#states.ready(stream, referenced);
      if (state === null) return () => this.#states.load(stream, referenced);
      found[name] = state.states.get(referenced);
    }
    flight.references = found;
    return null;
  }

  /** A twin in flight, or events that this key wrote before. */
  async #answeredBefore(flight: Flight): Promise<boolean> {
    const { mark, stream } = flight;
    if (mark === null || flight.leads) return false;
    const name = twinName(flight);
    const twin = this.#twins.get(name);
    if (twin !== undefined) {
      if (twin.body !== mark.body) throw reused();
      twin.waiting.push((result) =>
        this.#answer(flight, result instanceof StrataError ? result : this.#replay(flight, result)),
      );
      return true;
    }
    const events = await this.#options.log.keyed(stream, mark.key);
    const first = events[0];
    if (first === undefined) {
      this.#twins.set(name, { body: mark.body, waiting: [] });
      flight.leads = true;
      return false;
    }
    if (first.keyMark?.body !== mark.body) throw reused();
    this.#answer(flight, this.#replay(flight, this.#accepted(flight, events)));
    return true;
  }

  /** Decides on enqueued state and enqueues the events. Returns what is missing when a subject has no key yet. */
  #decide(flight: Flight): Missing {
    const { definition, stream, request, state, references } = flight;
    const generation = this.#queue.failures;
    let admission: Admission | null = null;
    try {
      if (request.expected !== null)
        this.#checkRevision(flight, state?.revision ?? this.#options.log.lastRevision(stream));

      const at = Math.max(this.#options.clock(), this.#lastAt);
      this.#lastAt = at;

      admission = definition.admission?.(flight.data, references, request.caller) ?? null;
      if (admission !== null) {
        const waitSeconds = this.#options.cooldowns.take(admission.key, admission.seconds, at);
        if (waitSeconds > 0) {
          const refusal = admission.refusal(waitSeconds);
          admission = null;
          throw refusal;
        }
      }
      const command = { type: definition.type, data: flight.data, at, caller: request.caller, made: flight.made };
      const decided = definition.decide(command, definition.view && state?.states.get(definition.view), references);
      if (decided.length === 0) {
        this.#queue.afterSync(() => this.#answer(flight, this.#accepted(flight, [])));
        return null;
      }
      const keyless = this.#events.keyless(decided);
      if (keyless.length > 0) {
        if (admission !== null) this.#options.cooldowns.giveBack(admission.key);
        return () => this.#options.keys.ensure(keyless);
      }
      this.#enqueue(flight, decided, at, admission);
      return null;
    } catch (error) {
      if (admission !== null) this.#options.cooldowns.giveBack(admission.key);
      const refusal = asStrataError(error);
      // A refusal rests on enqueued writes: it is answered after their sync, and decided again when they failed.
      this.#queue.afterSync(() => {
        if (this.#queue.failures === generation) this.#answer(flight, refusal);
        else this.#again(flight, refusal);
      });
      return null;
    }
  }

  #checkRevision(flight: Flight, current: number): void {
    const { revision, as } = flight.request.expected!;
    if (revision === current) return;
    const code = as === 'conflict' ? 'stream.revision-conflict' : 'stream.revision-mismatch';
    throw errors.error(code, `${flight.stream} is at revision ${current}, not ${revision}`);
  }

  #enqueue(flight: Flight, decided: readonly DomainEvent[], at: number, admission: Admission | null): void {
    const { stream, request, mark } = flight;
    const origin = { stream, at, actor: request.caller.actor, causation: request.causation ?? null, keyMark: mark };
    const events = this.#events.make(decided, origin);
    const { state: before } = flight;
    const expected = before === null ? (request.expected?.revision ?? 'any') : before.revision;
    this.#queue.push({ stream, expected: expected === -1 ? 'none' : expected, events }, (result) => {
      if (result.ok) return this.#answer(flight, this.#accepted(flight, result.events));
      this.#states.drop(stream);
      if (admission !== null && result.error.code !== 'command.outcome-unknown') {
        this.#options.cooldowns.giveBack(admission.key);
      }
      return isStrataError(result.error, 'stream.revision-conflict')
        ? this.#again(flight, result.error)
        : this.#answer(flight, result.error);
    });
    this.#states.evolve(stream, before === null ? null : before.revision + 1, decided, at);
  }

  /** Decides a command again: from the start of its stream's order, on what the log holds by now. */
  #again(flight: Flight, error: StrataError): void {
    flight.tries += 1;
    this.#states.drop(flight.stream);
    if (flight.tries >= TRIES_MAX) {
      this.#answer(flight, error);
      return;
    }
    const lane = this.#lanes.get(flight.stream);
    if (lane !== undefined) lane.push(flight);
    else this.#advance(flight);
  }

  #answer(flight: Flight, result: Result): void {
    this.#inFlight -= 1;
    flight.done(result);
    if (flight.leads) {
      const name = twinName(flight);
      const twin = this.#twins.get(name);
      this.#twins.delete(name);
      for (const waiting of twin?.waiting ?? []) waiting(result);
    }
    if (this.#inFlight === 0) this.#whenIdle?.();
  }

  #accepted(flight: Flight, events: readonly RecordedEvent[]): Accepted {
    const { log } = this.#options;
    const last = events.at(-1);
    return {
      position: last === undefined ? formatPosition(log.head()) : positionAfter(last, log.head()),
      stream: flight.stream,
      revision: last?.revision ?? log.lastRevision(flight.stream),
      events,
      replayed: false,
      made: flight.made,
    };
  }

  /** The first answer again, without its secrets. */
  #replay(flight: Flight, accepted: Accepted): Accepted {
    const made: { [name: string]: string | null } = { ...flight.made };
    for (const secret of flight.definition.secrets ?? []) made[secret] = null;
    return { ...accepted, made, replayed: true };
  }
}

function twinName(flight: Flight): string {
  return `${flight.stream}\n${flight.mark?.key}`;
}

function reused(): StrataError {
  return errors.error('command.key-reused', 'this Idempotency-Key was sent before with another request');
}

function asStrataError(error: unknown): StrataError {
  if (error instanceof StrataError) return error;
  return errors.error('server.failed', 'the command could not be handled', { cause: error });
}
