import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EventDefinition } from '#events/definition.ts';
import type { RecordedEvent } from '#events/event.ts';
import { newId } from '#events/identity.ts';
import { formatPosition } from '#events/position.ts';
import type { Db } from '#history/db.ts';
import { OverlayDb } from '#history/overlay/db.ts';
import type { ProjectionDefinition } from '#history/projection.ts';
import { assert } from '../assert.ts';
import { errors, StrataError } from '../errors.ts';
import type { Catalogue } from './catalogue.ts';
import { checkCommand } from './checked-command.ts';
import type { DomainEvent, Principal } from './domain.ts';
import { fresh } from './idempotency.ts';
import { PastStreams, type PastStreamsParts } from './past-streams.ts';

export const WHAT_IF_COMMANDS_MAX = 1_000;
/** Commands decided between two turns of the event loop. */
const COMMANDS_AT_ONCE = 50;

export type WhatIfCommand = {
  readonly type: string;
  readonly data: unknown;
  /** When it would be sent, ms since 1970: when the position's event was recorded unless told, and never before its stream's last. */
  readonly at?: number;
};

export type WhatIfParts = PastStreamsParts & {
  readonly catalogue: Catalogue;
  /** What folds the events. */
  readonly definitions: readonly ProjectionDefinition[];
  /** The synced event at the offset. */
  readonly eventAt: (offset: number) => RecordedEvent;
  /** ms since 1970: the time of an empty log. */
  readonly clock: () => number;
};

/** What a command would have done: personal fields are open. */
export type WhatIfResult = {
  readonly stream: string;
  /** The stream's last revision, -1 while it is empty. */
  readonly revision: number;
  readonly events: readonly RecordedEvent[];
};

export type WhatIf = {
  /** One for each command, in order. */
  readonly results: readonly (WhatIfResult | StrataError)[];
  /** The state that they would have made. */
  readonly db: OverlayDb;
};

/**
 * Decides commands one after the other on the state of a db value, each on what those before it would have made, and folds
 * their events over it (Datomic's `with`). Nothing is appended, no reactor runs, no cooldown is taken, and no subject gets a
 * key: personal fields stay open. At most 1,000 commands.
 *
 * Costs the length, up to the position, of every stream that is decided on.
 * @throws whatif.too-long, history.erased for what is erased by now, and what reading the log throws; refusals of commands
 * are results.
 */
export async function whatIf(
  parts: WhatIfParts,
  {
    db,
    caller,
    commands,
  }: { readonly db: Db; readonly caller: Principal; readonly commands: readonly WhatIfCommand[] },
): Promise<WhatIf> {
  assert(commands.length <= WHAT_IF_COMMANDS_MAX, 'a what if has a bounded number of commands');
  const run = new Run(parts, db, caller);
  const results: (WhatIfResult | StrataError)[] = [];
  for (const command of commands) {
    results.push(await run.next(command));
    if (results.length % COMMANDS_AT_ONCE === 0) await nextTurn();
  }
  return { results, db: run.db };
}

class Run {
  readonly db: OverlayDb;
  readonly #parts: WhatIfParts;
  readonly #caller: Principal;
  readonly #streams: PastStreams;
  readonly #at: number;
  readonly #position: () => string;

  constructor(parts: WhatIfParts, db: Db, caller: Principal) {
    this.db = new OverlayDb(db, parts.definitions);
    this.#parts = parts;
    this.#caller = caller;
    this.#streams = new PastStreams(parts, this.db.logged, this.db.events);
    const last = this.db.events.at(-1) ?? (this.db.logged === 0 ? null : parts.eventAt(this.db.logged));
    this.#at = last === null ? parts.clock() : last.recordedAt;
    this.#position = () => formatPosition({ epoch: parts.log.epoch, offsets: [this.db.logged] });
  }

  /** @throws whatif.too-long, and history.erased: what was erased has no past to decide on. */
  async next(request: WhatIfCommand): Promise<WhatIfResult | StrataError> {
    const decided = await this.#decide(request);
    if (decided instanceof StrataError) return decided;
    for (const event of decided.events) {
      this.db.fold(event);
      this.#streams.append(event);
    }
    return decided;
  }

  async #decide(request: WhatIfCommand): Promise<WhatIfResult | StrataError> {
    try {
      const { type, at: asked = this.#at } = request;
      const { definition, data } = checkCommand(this.#parts.catalogue, { ...request, caller: this.#caller });
      if (definition.revertOnly === true) {
        throw errors.error('auth.forbidden', `${type} is sent by reverting, which reads what was then`);
      }
      const made = definition.make?.(fresh(null, this.#position)) ?? {};
      const stream = definition.stream(data, made);
      const references: { [name: string]: unknown } = {};
      for (const [name, reference] of Object.entries(definition.references?.(data, this.#caller) ?? {})) {
        references[name] = await this.#streams.state(reference.stream, reference.view);
      }
      const state = definition.view === null ? null : await this.#streams.state(stream, definition.view);
      const { revision, lastAt } = await this.#streams.end(stream);
      const at = Math.max(asked, lastAt);
      const decided = definition.decide({ type, data, at, caller: this.#caller, made }, state, references);
      const events = decided.map((event, index) => this.#recorded(event, { stream, at, revision, index }));
      return { stream, revision: revision + events.length, events };
    } catch (error) {
      if (error instanceof StrataError && error.code !== 'whatif.too-long') return error;
      throw error;
    }
  }

  #recorded(
    { type, data }: DomainEvent,
    { stream, at, revision, index }: { stream: string; at: number; revision: number; index: number },
  ): RecordedEvent {
    return {
      id: newId(),
      type,
      version: this.#definitionOf(type).version,
      at,
      actor: this.#caller.actor,
      causation: null,
      keyMark: null,
      data,
      stream,
      revision: revision + 1 + index,
      partition: 0,
      offset: this.db.offset + 1 + index,
      recordedAt: at,
    };
  }

  #definitionOf(type: string): EventDefinition {
    const definition = this.#parts.catalogue.events.get(type);
    assert(definition !== undefined, `the event ${type} is declared`);
    return definition;
  }
}
