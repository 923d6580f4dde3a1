import type { Readings, Sample } from '#telemetry/metrics.ts';
import { StrataError } from '../errors.ts';
import type { Bus, CommandRequest, Result } from './bus.ts';
import type { Accepted } from './domain.ts';

type Outcomes = { accepted: number; refused: number; failed: number };

const UNKNOWN = 'unknown';

/** A bus that counts what it is asked and what it answers. `types`: the commands that there are; others count as one. */
export class MeteredBus implements Bus {
  readonly #bus: Bus;
  readonly #outcomes = new Map<string, Outcomes>();
  #inFlight = 0;

  constructor(bus: Bus, types: Iterable<string>) {
    this.#bus = bus;
    for (const type of [...types, UNKNOWN]) this.#outcomes.set(type, { accepted: 0, refused: 0, failed: 0 });
  }

  submit(request: CommandRequest, done: (result: Result) => void): void {
    this.#inFlight += 1;
    this.#bus.submit(request, (result) => {
      this.#count(request.type, result);
      done(result);
    });
  }

  async handle(request: CommandRequest): Promise<Accepted> {
    this.#inFlight += 1;
    try {
      const accepted = await this.#bus.handle(request);
      this.#count(request.type, accepted);
      return accepted;
    } catch (error) {
      this.#count(request.type, error);
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#bus.close();
  }

  /** A command is refused when it is the caller's to change something, and failed with a status from 500 on. */
  #count(type: string, result: unknown): void {
    this.#inFlight -= 1;
    const outcomes = this.#outcomes.get(type) ?? this.#outcomes.get(UNKNOWN)!;
    if (!(result instanceof Error)) outcomes.accepted += 1;
    else if (result instanceof StrataError && result.status < 500) outcomes.refused += 1;
    else outcomes.failed += 1;
  }

  readonly readings: Readings = {
    strata_commands_in_flight: () => this.#inFlight,
    strata_commands_total: () => [...this.#outcomes].flatMap(([type, outcomes]) => samples(type, outcomes)),
  };
}

function samples(type: string, outcomes: Outcomes): Sample[] {
  return Object.entries(outcomes).map(([outcome, value]) => ({ labels: { type, outcome }, value }));
}
