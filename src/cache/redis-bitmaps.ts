import { randomBytes } from 'node:crypto';
import { FEED, PIXEL_BYTES, READ, TAKE_OVER } from './bitmap-scripts.ts';
import type { BoardBitmap, BoardBitmaps, BoardChanges, BoardShape, Fed, SeededBoard } from './board-bitmaps.ts';
import type { RedisConnection } from './redis.ts';

/** Bytes of one command: other commands come in between. */
const PIECE_BYTES = 1024 * 1024;
/** How long a seed that was left half done stays. */
const SEED_SECONDS_MAX = 600;
/** One member seeds; another one tries when it has not come to an end within this time. */
const SEEDING_MS_MAX = 30_000;

export type RedisBitmapsOptions = {
  readonly connection: RedisConnection;
  /** `strata:{<log id>}:` */
  readonly keysBegin: string;
  readonly epoch: number;
};

export class RedisBitmaps implements BoardBitmaps {
  readonly #options: RedisBitmapsOptions;

  constructor(options: RedisBitmapsOptions) {
    this.#options = options;
  }

  async read(board: string, atLeast: number): Promise<BoardBitmap | null> {
    const { connection, epoch } = this.#options;
    const keys = [this.#place, this.#hash(board), this.#bitmap(board)];
    const found = (await connection.runForBytes(READ, keys, [epoch, atLeast])) as readonly (Buffer | null)[] | null;
    const bytes = found?.[5];
    if (!Buffer.isBuffer(bytes)) return null;
    const [offset = 0, width = 0, height = 0, bits, changedAt = 0] = found!.slice(0, 5).map(Number);
    const shape: BoardShape = { board, width, height, bits: bits === 4 ? 4 : 8 };
    return bytes.length === bytesOf(shape) ? { ...shape, bytes, offset, changedAt } : null;
  }

  async standsAt(): Promise<number | null> {
    const found = await this.#options.connection.send('GET', this.#place);
    const [epoch, offset] = typeof found === 'string' ? found.split(' ').map(Number) : [];
    return epoch === this.#options.epoch ? (offset ?? null) : null;
  }

  async feed(after: number, to: number, changes: readonly BoardChanges[]): Promise<Fed> {
    const { connection, epoch } = this.#options;
    const keys = changes.flatMap(({ shape: { board } }) => [this.#hash(board), this.#bitmap(board)]);
    const args = changes.flatMap(({ shape, isMade, changedAt, colours }) => [
      bytesOf(shape),
      isMade ? `${shape.width} ${shape.height} ${shape.bits}` : '',
      changedAt,
      packed(colours),
    ]);
    const answer = (await connection.run(FEED, [this.#place, ...keys], [epoch, after, to, ...args])) as number[];
    const [isApplied, standsAt = -1] = answer;
    return { isApplied: isApplied === 1, standsAt: standsAt === -1 ? null : standsAt };
  }

  async seed(offset: number, boards: Iterable<SeededBoard>): Promise<void> {
    const { connection, epoch, keysBegin } = this.#options;
    const name = randomBytes(8).toString('hex');
    const seeding = `${keysBegin}boards:seeding`;
    if ((await connection.send('SET', seeding, name, 'NX', 'PX', SEEDING_MS_MAX)) === null) return;
    const keys: string[] = [];
    const args: number[] = [];
    for (const { board, width, height, bits, changedAt, bytes } of boards) {
      const key = `${keysBegin}boards:seed:${name}:${board}`;
      await this.#put(key, await bytes());
      await connection.send('SET', seeding, name, 'PX', SEEDING_MS_MAX);
      keys.push(this.#hash(board), this.#bitmap(board), key);
      args.push(width, height, bits, changedAt);
    }
    await connection.run(TAKE_OVER, [this.#place, ...keys], [epoch, offset, ...args]);
    await connection.send('DEL', seeding);
  }

  async #put(key: string, bytes: Uint8Array): Promise<void> {
    const { connection } = this.#options;
    const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let from = 0; from < whole.length; from += PIECE_BYTES) {
      await connection.send('SETRANGE', key, from, whole.subarray(from, from + PIECE_BYTES));
      if (from === 0) await connection.send('EXPIRE', key, SEED_SECONDS_MAX);
    }
  }

  get #place(): string {
    return `${this.#options.keysBegin}boards:at`;
  }

  #hash(board: string): string {
    return `${this.#options.keysBegin}board:${board}`;
  }

  #bitmap(board: string): string {
    return `${this.#options.keysBegin}bitmap:${board}`;
  }
}

function bytesOf({ width, height, bits }: BoardShape): number {
  return Math.ceil((width * height * bits) / 8);
}

function packed(colours: ReadonlyMap<number, number>): Buffer {
  const bytes = Buffer.allocUnsafe(colours.size * PIXEL_BYTES);
  let at = 0;
  for (const [place, colour] of colours) {
    bytes.writeUInt32LE(place, at);
    bytes[at + 4] = colour;
    at += PIXEL_BYTES;
  }
  return bytes;
}
