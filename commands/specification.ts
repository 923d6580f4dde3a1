import { expect } from 'vitest';
import type { Domain, DomainEvent } from '#handling/domain.ts';
import { isStrataError } from '#src/errors.ts';
import { type Outcome, type Sending, World } from './world.ts';

/** An event of a specification: `happened('AccountOpened', { account: 'acme', contact: null })`. */
export function happened(type: string, data: DomainEvent['data']): DomainEvent {
  return { type, data };
}

/**
 * Deciders as sentences: `given(...events).when(command).then(...events)`, or `.thenRefused(code)`. The idea is Emmett's
 * `deciderSpecification`. `streamOf` tells which stream an event of the past belongs to.
 */
export function specify(domain: Domain, streamOf: (event: DomainEvent) => string) {
  return {
    given: (...past: readonly DomainEvent[]): Given => new Given(domain, streamOf, past),
  };
}

class Given {
  readonly #world: World;

  constructor(domain: Domain, streamOf: (event: DomainEvent) => string, past: readonly DomainEvent[]) {
    this.#world = new World(domain);
    for (const event of past) this.#world.append(streamOf(event), [event]);
  }

  when(type: string, data: unknown, sending: Sending = {}): When {
    return new When(() => this.#world.send(type, data, sending));
  }
}

class When {
  readonly #send: () => Outcome;

  constructor(send: () => Outcome) {
    this.#send = send;
  }

  /** These events and no others; their data fits their schemas. */
  // biome-ignore lint/suspicious/noThenProperty: so that it reads as a sentence; nobody awaits one
  then(...expected: readonly DomainEvent[]): void {
    expect(this.#send().events.map(({ type, data }) => ({ type, data }))).toEqual(expected);
  }

  thenNothing(): void {
    this.then();
  }

  thenRefused(code: string): void {
    let refusal: unknown = null;
    try {
      this.#send();
    } catch (error) {
      refusal = error;
    }
    expect(isStrataError(refusal) ? refusal.code : refusal).toBe(code);
  }
}
