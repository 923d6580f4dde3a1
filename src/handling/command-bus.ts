import type { Cooldowns } from '#cache/cooldowns.ts';
import type { RecordedEvent } from '#events/event.ts';
import { formatPosition, positionAfter } from '#events/position.ts';
import type { SubjectKeys } from '#events/sealing.ts';
import type { EventLog } from '#log/event-log.ts';
import { errors, isStrataError, StrataError } from '../errors.ts';
import { type AddressedCommand, addressCommand } from './addressed-command.ts';
import type { AppendCounts } from './append-counts.ts';
import { AppendQueue } from './append-queue.ts';
import type { CommandRequest, LocalBus, Result } from './bus.ts';
import type { Catalogue } from './catalogue.ts';
import type { Accepted, Admission, DomainEvent } from './domain.ts';
import { EventMaker } from './event-maker.ts';
import { SharedAppendQueue } from './shared-append-queue.ts';
import { type StreamState, StreamStates } from './stream-states.ts';

/** Commands submitted and not yet answered; beyond it, `server.busy`. */
const IN_FLIGHT_MAX = 20_000;
/** How often a command is decided again when another writer, or a failed write, took the ground from under it. */
const TRIES_MAX = 16;

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
  readonly appends?: AppendCounts;
};

/** A command on its way: checked, and in the order of its stream. */
type Flight = AddressedCommand & {
  readonly done: (result: Result) => void;
  /** True once it stands for its key: twins wait for its answer. */
  leads: boolean;
  /** What it is decided on, once nothing of it is missing. */
  state: StreamState | null;
  references: { readonly [name: string]: unknown };
  /** The streams that it is decided on. */
  restsOn: readonly StreamState[];
  /** The command's time once it is given, with the turn that was taken then; ms since 1970. */
  at: number | null;
  admission: Admission | null;
  /** Seconds to wait for the turn: 0 once it is ours. */
  waitSeconds: number;
  /** Resolves when it is known whose turn it is; never rejects. */
  taking: Promise<void> | null;
  /** Why it cannot be known. */
  untaken: unknown;
  tries: number;
};

/** What a flight still lacks before it can be decided. */
type Missing = (() => Promise<unknown>) | null;

const NOTHING: { readonly [name: string]: never } = Object.freeze({});
const NONE: readonly StreamState[] = Object.freeze([]);

export function createBus(options: BusOptions): LocalBus {
  return new CommandBus(options);
}

class CommandBus implements LocalBus {
  readonly #options: BusOptions;
  readonly #states: StreamStates;
  readonly #queue: AppendQueue | SharedAppendQueue;
  readonly #events: EventMaker;
  /** Streams whose next command waits for a read; those behind it keep their order. */
  readonly #lanes = new Map<string, Flight[]>();
  /** Keyed flights by stream and key: twins share one. */
  readonly #twins = new Map<string, { readonly body: string; readonly waiting: ((result: Result) => void)[] }>();
  #inFlight = 0;
  #lastAt: number;
  #whenIdle: (() => void) | null = null;
  #closing = false;
  #unfollowed: StrataError | null = null;

  /** For commands that name how far the log has come. */
  readonly #position = (): string => formatPosition(this.#options.log.head());

  constructor(options: BusOptions) {
    this.#options = options;
    this.#lastAt = options.notBefore;
    this.#events = new EventMaker(options.catalogue.events, options.keys);
    const { log, lagMs, appends } = options;
    const Queue = log.isShared === true ? SharedAppendQueue : AppendQueue;
    this.#queue = new Queue(log, lagMs, (stream) => this.#states.drop(stream), appends);
    this.#states = new StreamStates(log, options.keys, this.#queue);
    if (log.isShared === true) {
      this.#keepTime().catch((cause) => {
        this.#unfollowed = errors.error('server.failed', 'the log is not followed any more', { cause });
      });
    }
  }

  handle(request: CommandRequest): Promise<Accepted> {
    return new Promise((resolve, reject) => {
      this.submit(request, (result) => (result instanceof StrataError ? reject(result) : resolve(result)));
    });
  }

  submit(request: CommandRequest, done: (result: Result) => void): void {
    let command: AddressedCommand;
    try {
      this.#admit();
      command = addressCommand(this.#options.catalogue, request, this.#position);
    } catch (error) {
      done(asStrataError(error));
      return;
    }
    this.#enter(command, done);
  }

  take(command: AddressedCommand, done: (result: Result) => void): void {
    try {
      this.#admit();
    } catch (error) {
      done(asStrataError(error));
      return;
    }
    this.#enter(command, done);
  }

  async close(): Promise<void> {
    this.#closing = true;
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
  }

  #admit(): void {
    const fault = this.#unfollowed ?? this.#options.fault();
    if (fault !== null) throw fault;
    if (this.#closing || this.#inFlight >= IN_FLIGHT_MAX) {
      throw errors.error('server.busy', 'too many commands are in flight', { retryAfterSeconds: 1 });
    }
  }

  /** Everything after this is done in the stream's order. */
  #enter({ request, definition, data, made, stream, mark }: AddressedCommand, done: (result: Result) => void): void {
    const flight: Flight = {
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
      restsOn: NONE,
      at: null,
      admission: null,
      waitSeconds: 0,
      taking: null,
      untaken: null,
      tries: 0,
    };
    this.#inFlight += 1;
    const lane = this.#lanes.get(flight.stream);
    if (lane !== undefined) this.#queueUp(lane, flight);
    else this.#advance(flight);
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

  #queueUp(lane: Flight[], flight: Flight): void {
    const before = lane.at(-1);
    lane.push(flight);
    if (before !== undefined && before.at !== null) this.#takeAhead(lane, lane.length - 1);
  }

  /**
   * Those behind a command that waits for its turn take theirs meanwhile, so that a stream is not as slow as one take after
   * the other. They are still decided in order, and times are given in order: so it ends at the first that must be read for.
   */
  #takeAhead(lane: readonly Flight[], from: number): void {
    for (let at = from; at < lane.length; at += 1) {
      const flight = lane[at]!;
      if (flight.at !== null) continue;
      if (flight.mark !== null || flight.definition.admission === undefined) return;
      if (this.#missing(flight) !== null) return;
      this.#takeTurn(flight);
    }
  }

  /** Takes the commands of one stream in turn, reading for each what it lacks. */
  async #drive(stream: string, lane: Flight[]): Promise<void> {
    for (let flight = lane[0]; flight !== undefined; flight = lane[0]) {
      try {
        if (!(await this.#answeredBefore(flight))) {
          let missing: Missing = this.#missing(flight);
          do {
            if (missing !== null) await missing();
            const isFirst = flight.at === null;
            missing = this.#missing(flight) ?? this.#decide(flight);
            if (isFirst && flight.taking !== null) this.#takeAhead(lane, 1);
          } while (missing !== null);
        }
      } catch (error) {
        this.#giveBack(flight);
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
    const restsOn = flight.state === null ? [] : [flight.state];
    flight.restsOn = restsOn;
    if (references === undefined) return null;
    const declared = references(flight.data, flight.request.caller);
    const found: { [name: string]: unknown } = {};
    for (const name in declared) {
      const { view: referenced, stream } = declared[name]!;
      const state = this.#states.ready(stream, referenced);
      if (state === null) return () => this.#states.load(stream, referenced);
      found[name] = state.states.get(referenced);
      restsOn.push(state);
    }
    flight.references = found;
    return null;
  }

  /** A twin in flight, or events that this key wrote before. */
  async #answeredBefore(flight: Flight): Promise<boolean> {
    const { mark, stream } = flight;
    // What is decided again may have been written by another member meanwhile.
    if (mark === null || (flight.leads && flight.tries === 0)) return false;
    const name = twinName(flight);
    const twin = flight.leads ? undefined : this.#twins.get(name);
    if (twin !== undefined) {
      if (twin.body !== mark.body) throw reused();
      twin.waiting.push((result) =>
        this.#answer(flight, result instanceof StrataError ? result : this.#replay(flight, result)),
      );
      return true;
    }
    // Only an owner has all that was written with the key.
    this.#requireHere(stream);
    const events = await this.#options.log.keyed(stream, mark.key);
    const first = events[0];
    if (first === undefined) {
      if (!flight.leads) this.#twins.set(name, { body: mark.body, waiting: [] });
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
    try {
      this.#requireHere(stream);
      if (request.expected !== null)
        this.#checkRevision(flight, state?.revision ?? this.#options.log.lastRevision(stream));

      const at = flight.at ?? this.#takeTurn(flight);
      if (flight.taking !== null) return () => flight.taking ?? Promise.resolve();
      if (flight.untaken !== null) throw flight.untaken;
      if (flight.waitSeconds > 0) throw flight.admission!.refusal(flight.waitSeconds);

      const command = { type: definition.type, data: flight.data, at, caller: request.caller, made: flight.made };
      const decided = definition.decide(command, definition.view && state?.states.get(definition.view), references);
      if (decided.length === 0) {
        this.#giveBack(flight);
        this.#answerAfterSync(flight, () => this.#accepted(flight, []));
        return null;
      }
      const keyless = this.#events.keyless(decided);
      if (keyless.length > 0) return () => this.#options.keys.ensure(keyless);
      this.#enqueue(flight, decided, at);
      return null;
    } catch (error) {
      this.#giveBack(flight);
      const refusal = asStrataError(error);
      this.#answerAfterSync(flight, () => refusal);
      return null;
    }
  }

  /** @throws partition.moving where another member may have written what is not here yet. */
  #requireHere(stream: string): void {
    const { log } = this.#options;
    if (log.isShared !== true || log.ownerOf(log.partitionOf(stream)) === 'here') return;
    throw errors.error('partition.moving', `${stream} is not of this member`, { retryAfterSeconds: 1 });
  }

  /** What adds no events rests on enqueued writes: it is answered after their sync, and decided again when they failed. */
  #answerAfterSync(flight: Flight, answer: () => Result): void {
    this.#queue.afterSync(() => {
      if (flight.restsOn.some(({ isDropped }) => isDropped)) return this.#again(flight);
      try {
        this.#requireHere(flight.stream);
        this.#answer(flight, answer());
      } catch (error) {
        this.#answer(flight, asStrataError(error));
      }
    });
  }

  /** Gives the command its time, and asks for its turn where there are turns. */
  #takeTurn(flight: Flight): number {
    const at = Math.max(this.#options.clock(), this.#lastAt);
    this.#lastAt = at;
    flight.at = at;
    flight.waitSeconds = 0;
    flight.untaken = null;
    flight.admission = flight.definition.admission?.(flight.data, flight.references, flight.request.caller) ?? null;
    if (flight.admission === null) return at;
    try {
      const { key, seconds } = flight.admission;
      const answer = this.#options.cooldowns.take(key, seconds, at);
      if (typeof answer === 'number') flight.waitSeconds = answer;
      else flight.taking = this.#taken(flight, answer);
    } catch (error) {
      flight.untaken = error;
    }
    return at;
  }

  async #taken(flight: Flight, answer: Promise<number>): Promise<void> {
    try {
      flight.waitSeconds = await answer;
    } catch (error) {
      flight.untaken = error;
    }
    flight.taking = null;
  }

  /** Undoes the turn that was taken, if one was. */
  #giveBack({ admission, waitSeconds, untaken, taking, at }: Flight): void {
    if (admission === null || at === null || waitSeconds > 0 || untaken !== null || taking !== null) return;
    this.#options.cooldowns.giveBack(admission.key, at);
  }

  #checkRevision(flight: Flight, current: number): void {
    const { revision, as } = flight.request.expected!;
    if (revision === current) return;
    const code = as === 'conflict' ? 'stream.revision-conflict' : 'stream.revision-mismatch';
    throw errors.error(code, `${flight.stream} is at revision ${current}, not ${revision}`);
  }

  #enqueue(flight: Flight, decided: readonly DomainEvent[], at: number): void {
    const { stream, request, mark, admission } = flight;
    const origin = { stream, at, actor: request.caller.actor, causation: request.causation ?? null, keyMark: mark };
    const events = this.#events.make(decided, origin);
    const { state: before } = flight;
    const expected = before === null ? (request.expected?.revision ?? 'any') : before.revision;
    this.#queue.push({ stream, expected: expected === -1 ? 'none' : expected, events }, (result) => {
      if (result.ok) {
        if (admission !== null) this.#options.cooldowns.keep(admission.key, at);
        return this.#answer(flight, this.#accepted(flight, result.events));
      }
      if (result.error.code !== 'command.outcome-unknown') this.#giveBack(flight);
      return isStrataError(result.error, 'stream.revision-conflict')
        ? this.#again(flight)
        : this.#answer(flight, result.error);
    });
    this.#states.evolve(stream, before === null ? null : before.revision + 1, decided, at);
  }

  /** Decides a command again: from the start of its stream's order, on what the log holds by now. */
  #again(flight: Flight): void {
    flight.tries += 1;
    if (flight.tries >= TRIES_MAX) {
      const detail = `${flight.stream} is written by others all the time`;
      this.#answer(flight, errors.error('server.busy', detail, { retryAfterSeconds: 1 }));
      return;
    }
    flight.at = null;
    const lane = this.#lanes.get(flight.stream);
    if (lane !== undefined) this.#queueUp(lane, flight);
    else this.#advance(flight);
  }

  /** No time is earlier than one that another member gave. */
  async #keepTime(): Promise<void> {
    const { log } = this.#options;
    for await (const { events } of log.subscribe(log.head())) {
      for (const { at } of events) if (at > this.#lastAt) this.#lastAt = at;
    }
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
