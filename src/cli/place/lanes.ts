import { setTimeout as sleep } from 'node:timers/promises';
import { jsonBody, type Problem, ProblemError, type StrataClient } from '../client.ts';
import { CliFailure } from '../failure.ts';

/** Commands in one request: the most that `POST /v1/commands` takes. */
const ARRAY_ITEMS = 1_000;
const TILE_BITS = 8;
const TRIES_MAX = 10;
const WAIT_MS_MAX = 5_000;

/** A pixel to place. */
export type Place = {
  readonly x: number;
  readonly y: number;
  /** Index into the board's palette. */
  readonly color: number;
  readonly idempotencyKey: string;
  /** Where it comes from, as in `place.csv:17`. */
  readonly source: string;
};

type Result = { readonly position: string } | Problem;

/**
 * Sends pixels in arrays, several at a time. A tile's pixels all take one lane, a lane has one array under way, and an
 * array holds a place once: so a place always ends with the last colour given for it, whatever has to be sent again.
 */
export class Lanes {
  readonly #lanes: Lane[];

  constructor(client: StrataClient, board: string, count: number, onPlaced: (positions: readonly string[]) => void) {
    this.#lanes = Array.from({ length: count }, () => new Lane(client, board, onPlaced));
  }

  /** Resolves when there is room for the next: at once, unless the pixel's lane is full. @throws what a send met. */
  add(place: Place): Promise<void> | null {
    const tile = (place.x >> TILE_BITS) + (place.y >> TILE_BITS) * 31;
    return this.#lanes[tile % this.#lanes.length]!.add(place);
  }

  /** Sends what is left and waits for all answers. */
  async finish(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.finish()));
  }
}

class Lane {
  readonly #client: StrataClient;
  readonly #board: string;
  readonly #onPlaced: (positions: readonly string[]) => void;
  #filling: Place[] = [];
  #places = new Set<number>();
  #underWay: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | null = null;

  constructor(client: StrataClient, board: string, onPlaced: (positions: readonly string[]) => void) {
    this.#client = client;
    this.#board = board;
    this.#onPlaced = onPlaced;
  }

  add(place: Place): Promise<void> | null {
    const at = place.y * 65_536 + place.x;
    if (this.#filling.length < ARRAY_ITEMS && !this.#places.has(at)) {
      this.#places.add(at);
      this.#filling.push(place);
      return null;
    }
    return this.#flush().then(() => {
      this.#places.add(at);
      this.#filling.push(place);
    });
  }

  async finish(): Promise<void> {
    await this.#flush();
    await this.#underWay;
    this.#check();
  }

  /** Begins to send what was filled once the array before it is answered. */
  async #flush(): Promise<void> {
    await this.#underWay;
    this.#check();
    const places = this.#filling;
    this.#filling = [];
    this.#places.clear();
    if (places.length === 0) return;
    this.#underWay = this.#send(places).catch((error: unknown) => {
      this.#failure = { error };
    });
  }

  #check(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }

  /** Sends until every pixel is accepted. The keys make it safe to send one again. */
  async #send(places: readonly Place[]): Promise<void> {
    let left = places;
    for (let tries = 0; left.length > 0; tries += 1) {
      const { results, waitMs, reason } = await this.#post(left, tries);
      const positions: string[] = [];
      left = left.filter((place, at) => {
        const result = results[at];
        if (result === undefined) return true;
        if ('position' in result) {
          positions.push(result.position);
          return false;
        }
        if (isPassing(result)) return true;
        throw new CliFailure(`${place.source}: ${result.detail || result.title} (${result.status} ${result.code})`);
      });
      this.#onPlaced(positions);
      if (left.length === 0) return;
      if (tries + 1 >= TRIES_MAX) {
        throw new CliFailure(`${left[0]!.source}: the server did not take it in ${TRIES_MAX} tries: ${reason}`);
      }
      await sleep(waitMs);
    }
  }

  async #post(
    places: readonly Place[],
    tries: number,
  ): Promise<{ results: readonly Result[]; waitMs: number; reason: string }> {
    const waitMs = Math.min(WAIT_MS_MAX, 25 * 2 ** tries);
    const commands = places.map(({ x, y, color, idempotencyKey }) => ({
      type: 'PlacePixel',
      data: { board: this.#board, x, y, color },
      idempotencyKey,
    }));
    try {
      const response = await this.#client.request('POST', 'commands', { body: jsonBody(commands) });
      // The contract of an array of commands: a result for each, in order.
      const { results } = (await response.json()) as { results: readonly Result[] };
      const refused = results.find((result) => 'code' in result);
      return { results, waitMs, reason: refused !== undefined && 'code' in refused ? refused.code : '' };
    } catch (error) {
      if (error instanceof ProblemError && isPassing(error.problem)) {
        const seconds = error.retryAfterSeconds ?? 0;
        return { results: [], waitMs: Math.max(waitMs, seconds * 1000), reason: error.message };
      }
      // The server may be starting again: nobody answers for a while.
      if (error instanceof CliFailure && error.exitCode === 1) return { results: [], waitMs, reason: error.message };
      throw error;
    }
  }
}

/** Busy, or an answer lost on the way: sending again is right. */
function isPassing(problem: Problem): boolean {
  return problem.status === 503 || problem.status === 504;
}
