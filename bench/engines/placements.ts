import { memoryCooldowns } from '#cache/memory-cooldowns.ts';
import type { Codec } from '#events/encoding.ts';
import { createCodec } from '#events/encoding.ts';
import { openSubjectKeys } from '#events/subject-keys.ts';
import { catalogue } from '#handling/catalogue.ts';
import { createBus } from '#handling/command-bus.ts';
import type { Principal } from '#handling/domain.ts';
import type { EventLog } from '#log/event-log.ts';
import { domains } from '#src/domains.ts';

const ADMIN: Principal = { role: 'admin', account: null, actor: 'admin' };
const BOARD = { board: 'wall', width: 8192, height: 8192 };
/** Tiles a side of the board, each a stream. */
const TILES = 32;
const TILE = 256;

type Tile = readonly [x: number, y: number];
const ALL_TILES = Array.from({ length: TILES * TILES }, (_, at): Tile => [at % TILES, Math.floor(at / TILES)]);

export type Load = { readonly inFlight: number; readonly seconds: number };

export type Measured = { readonly perSecond: number; readonly p50Ms: number; readonly p99Ms: number };

const known = catalogue(domains);

export const codec: Codec = createCodec([...known.events.values()]);

/** Places pixels by commands, on streams that this member owns; what a caller sends next waits for the answer before. */
export class Placements {
  readonly #log: EventLog;
  readonly #keys: Awaited<ReturnType<typeof openSubjectKeys>>;
  readonly #bus: ReturnType<typeof createBus>;
  /** Those whose pixels are decided here. */
  #tiles: readonly Tile[] = [];
  #next = 0;

  private constructor(log: EventLog, keys: Awaited<ReturnType<typeof openSubjectKeys>>) {
    this.#log = log;
    this.#keys = keys;
    this.#bus = createBus({
      log,
      catalogue: known,
      keys,
      cooldowns: memoryCooldowns(),
      clock: Date.now,
      notBefore: 0,
      lagMs: () => 0,
      fault: () => log.fault(),
    });
  }

  static async open(log: EventLog, keysDir: string): Promise<Placements> {
    return new Placements(log, await openSubjectKeys({ dir: keysDir }));
  }

  /** Makes the board, where it is this member's to make; else waits until it is there. */
  async createBoard(): Promise<void> {
    const stream = `board-${BOARD.board}`;
    const isOwn = () => this.#log.ownerOf(this.#log.partitionOf(stream)) === 'here';
    while (this.#log.lastRevision(stream) === -1) {
      // Its partition may move from one instance to the other, and both may have begun to make it.
      if (isOwn()) await this.#send('CreateBoard', BOARD).catch(() => undefined);
      else await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** How many partitions this member owns, of those that tiles lie in. */
  ownedPartitions(): number {
    return new Set(ALL_TILES.filter((tile) => this.#isOwn(tile)).map((tile) => this.#partitionOf(tile))).size;
  }

  ownTiles(): void {
    this.#tiles = ALL_TILES.filter((tile) => this.#isOwn(tile));
    if (this.#tiles.length === 0) throw new Error('this member owns no partition');
  }

  measure({ inFlight, seconds }: Load): Promise<Measured> {
    return callers({ inFlight, seconds }, () => this.#place());
  }

  async close(): Promise<void> {
    await this.#bus.close();
    await this.#keys.close();
  }

  #partitionOf([x, y]: Tile): number {
    return this.#log.partitionOf(`tile-${BOARD.board}-${x}-${y}`);
  }

  #isOwn(tile: Tile): boolean {
    return this.#log.ownerOf(this.#partitionOf(tile)) === 'here';
  }

  async #place(): Promise<void> {
    const number = this.#next;
    this.#next += 1;
    const [tileX, tileY] = this.#tiles[number % this.#tiles.length]!;
    const place = Math.floor(number / this.#tiles.length);
    const x = tileX * TILE + (place % TILE);
    const y = tileY * TILE + (Math.floor(place / TILE) % TILE);
    await this.#send('PlacePixel', { board: BOARD.board, x, y, color: number % 16 });
  }

  async #send(type: string, data: object): Promise<void> {
    await this.#bus.handle({ type, data, caller: ADMIN, idempotencyKey: null, expected: null });
  }
}

/** Callers that each wait for an answer before they send again. Latencies are of what was answered in the time. */
export async function callers({ inFlight, seconds }: Load, send: () => Promise<void>): Promise<Measured> {
  const latencies: number[] = [];
  const start = performance.now();
  const until = start + seconds * 1000;
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      for (let sentAt = performance.now(); sentAt < until; ) {
        await send();
        const answeredAt = performance.now();
        latencies.push(answeredAt - sentAt);
        sentAt = answeredAt;
      }
    }),
  );
  const perSecond = (latencies.length / (performance.now() - start)) * 1000;
  const sorted = Float64Array.from(latencies).sort();
  const quantile = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { perSecond, p50Ms: quantile(0.5), p99Ms: quantile(0.99) };
}
