import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Db, PixelChange, Placement } from '../db.ts';
import { FoldingFixture, MemoryLog } from '../folding/folding-fixture.ts';
import { defineProjection, raster } from '../projection.ts';

type Placed = { readonly board: string; readonly places: readonly (readonly [number, number, number])[] };

const WIDTH = 600;
const HEIGHT = 300;

const boards = defineProjection({
  name: 'boards',
  version: 1,
  structures: [raster('boards')],
  folds: {
    Placed: (event, context) => {
      const { board, places } = event.data as unknown as Placed;
      for (const [x, y, color] of places) context.raster('boards').set(board, x, y, color);
    },
  },
});

/** The naive model: every change, in order; a board is what is left after replaying them. */
class Model {
  readonly #events: readonly Placed[];

  constructor(events: readonly Placed[]) {
    this.#events = events;
  }

  at(board: string, to: number) {
    const pixels = new Uint8Array(WIDTH * HEIGHT);
    const offsets = new Map<number, number>();
    let changes = 0;
    let last = 0;
    for (let offset = 1; offset <= to; offset++) {
      const event = this.#events[offset - 1]!;
      if (event.board !== board) continue;
      for (const [x, y, color] of event.places) {
        pixels[y * WIDTH + x] = color;
        offsets.set(y * WIDTH + x, offset);
        changes += 1;
        last = offset;
      }
    }
    return { pixels, offsets, changes, last };
  }

  changed(board: string, from: number, to: number): PixelChange[] {
    const [then, now] = [this.at(board, from), this.at(board, to)];
    const items: PixelChange[] = [];
    for (const [at, offset] of now.offsets) {
      const [before, after] = [then.pixels[at]!, now.pixels[at]!];
      if (before !== after) items.push({ x: at % WIDTH, y: Math.floor(at / WIDTH), before, after, offset });
    }
    return items.sort((a, b) => tileOf(a) - tileOf(b) || a.y - b.y || a.x - b.x);
  }

  placements(board: string, x: number, y: number, to: number): Placement[] {
    const placed = new Map<number, Placement>();
    for (let offset = 1; offset <= to; offset++) {
      const event = this.#events[offset - 1]!;
      for (const place of event.board === board ? event.places : []) {
        if (place[0] === x && place[1] === y) placed.set(offset, { color: place[2], offset });
      }
    }
    return [...placed.values()].reverse();
  }

  /** SHA-256("strata.place.v1", 00, "boards", 00, board, 00, row, column, place, colour, offset), added up. */
  fingerprint(to: number) {
    let [sum, count] = [0n, 0];
    for (const board of ['one', 'two']) {
      const { pixels, offsets } = this.at(board, to);
      for (const [at, offset] of offsets) {
        const [x, y] = [at % WIDTH, Math.floor(at / WIDTH)];
        const place = [y >> 8, x >> 8, y & 255, x & 255, pixels[at]!].map((byte) => byte.toString(16).padStart(2, '0'));
        const hex = place.join('') + offset.toString(16).padStart(12, '0');
        const hash = createHash('sha256').update(`strata.place.v1\0boards\0${board}\0`).update(hex, 'hex');
        sum += BigInt(`0x${hash.digest('hex')}`);
        count += 1;
      }
    }
    return { count, sum: (sum % 2n ** 256n).toString(16).padStart(64, '0') };
  }
}

function tileOf({ x, y }: PixelChange): number {
  return (y >> 8) * 256 + (x >> 8);
}

/** What all pages hold, asked for in pages of `limit`. */
async function allOf<Item>(
  page: (cursor: {
    cursor?: string;
  }) => Promise<{ items: readonly Item[]; next: string | null }> | { items: readonly Item[]; next: string | null },
): Promise<Item[]> {
  const items: Item[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const { items: more, next }: { items: readonly Item[]; next: string | null } = await page(
      cursor === '' ? {} : { cursor },
    );
    items.push(...more);
    cursor = next;
  }
  return items;
}

/** Differences since some earlier positions, histories of some places, and the fingerprint. */
async function expectHistory(db: Db, model: Model): Promise<void> {
  const view = db.raster('boards');
  expect(await view.fingerprint()).toEqual(model.fingerprint(db.offset));
  for (const board of ['one', 'two', 'none']) {
    for (const from of new Set([0, Math.floor(db.offset / 3), Math.max(0, db.offset - 5), db.offset])) {
      const changed = model.changed(board, from, db.offset);
      const limit = 1 + Math.floor(changed.length / 3);
      expect(await allOf((at) => view.changed({ board, from, limit, ...at }))).toEqual(changed);
      const within = { x: 200, y: 100, width: 150, height: 180 };
      const inside = changed.filter(({ x, y }) => x >= 200 && x < 350 && y >= 100 && y < 280);
      expect(await allOf((at) => view.changed({ board, from, within, limit, ...at }))).toEqual(inside);
    }
    const places = [...model.at(board, db.offset).offsets.keys()].slice(0, 5);
    for (const place of [0, ...places]) {
      const [x, y] = [place % WIDTH, Math.floor(place / WIDTH)];
      const placed = model.placements(board, x, y, db.offset);
      expect(await allOf((at) => view.placements({ board, x, y, limit: 2, ...at }))).toEqual(placed);
    }
  }
}

async function expectBoards(db: Db, model: Model): Promise<void> {
  const view = db.raster('boards');
  for (const board of ['one', 'two', 'none']) {
    const { pixels, offsets, changes, last } = model.at(board, db.offset);
    expect(Buffer.compare(await view.pixels(board, WIDTH, HEIGHT), pixels)).toBe(0);
    expect(view.changes(board)).toBe(changes);
    expect(view.lastChange(board)).toBe(last);
    const places = [...offsets.keys()];
    for (const place of [0, ...places.filter((_, at) => at % Math.ceil(places.length / 20) === 0)]) {
      const offset = offsets.get(place);
      expect(view.placement(board, place % WIDTH, Math.floor(place / WIDTH))).toEqual(
        offset === undefined ? null : { color: pixels[place], offset },
      );
    }
  }
}

const place = fc.tuple(fc.nat({ max: WIDTH - 1 }), fc.nat({ max: HEIGHT - 1 }), fc.nat({ max: 255 }));
const placed: fc.Arbitrary<Placed> = fc.record({
  board: fc.constantFrom('one', 'two'),
  places: fc.array(place, { minLength: 1, maxLength: 40, size: 'max' }),
});

test('boards and places equal a naive replay: live, at any position, restarted, rebuilt', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(placed, { minLength: 1, maxLength: 150, size: 'max' }),
      fc.array(fc.nat({ max: 60 }), { minLength: 1, maxLength: 8 }),
      async (events, commits) => {
        const log = new MemoryLog();
        for (const event of events) log.append('Placed', event);
        const model = new Model(events);
        const fixture = new FoldingFixture(log, [boards]);
        try {
          let offset = 0;
          for (const count of commits) {
            offset = Math.min(offset + count, events.length);
            fixture.fold(offset);
            await expectBoards(fixture.db(), model);
          }
          await fixture.restart('abandon');
          fixture.fold();
          const expectAll = async () => {
            await expectBoards(fixture.db(), model);
            await expectHistory(fixture.db(), model);
            await expectHistory(fixture.db(Math.floor(events.length / 2)), model);
            for (let at = 0; at < events.length; at += 17) await expectBoards(fixture.db(at), model);
          };
          await expectAll();
          await fixture.restart('close');
          await expectAll();
          await fixture.restart('close', [{ ...boards, version: 2 }]);
          fixture.fold();
          await expectAll();
        } finally {
          await fixture.end();
        }
      },
    ),
    { numRuns: 15, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: true },
  );
}, 120_000);

test('keyframes bound what is read: a hot tile of 300,000 changes in 16 colours, at positions around its keyframes', async () => {
  const seed = 20170401;
  let state = seed;
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const events: Placed[] = [];
  for (let count = 0; count < 6_000; count++) {
    const places = Array.from({ length: 50 }, () => [random(256), random(256), random(16)] as const);
    events.push({ board: 'one', places });
  }
  const log = new MemoryLog();
  for (const event of events) log.append('Placed', event);
  const model = new Model(events);
  const fixture = new FoldingFixture(log, [boards]);
  try {
    for (let offset = 500; offset <= events.length; offset += 500) fixture.fold(offset);
    const positions = [
      0,
      1,
      163,
      164,
      165,
      1310,
      1311,
      5_999,
      6_000,
      ...Array.from({ length: 8 }, () => random(6_000)),
    ];
    for (const restarted of [false, true]) {
      if (restarted) await fixture.restart('abandon');
      for (const position of positions) await expectBoards(fixture.db(position), model);
      for (const position of [0, 1, 164, 3_000, 6_000]) await expectHistory(fixture.db(position), model);
    }
  } catch (error) {
    throw new Error(`with seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
  } finally {
    await fixture.end();
  }
}, 120_000);

test('a page goes on at the position of the first one, and only in what it was a page of', async () => {
  const log = new MemoryLog();
  for (const x of [1, 2, 3]) log.append('Placed', { board: 'one', places: [[x, 0, 5]] });
  for (const color of [6, 7]) log.append('Placed', { board: 'one', places: [[1, 0, color]] });
  const fixture = new FoldingFixture(log, [boards]);
  try {
    fixture.fold();
    const view = fixture.db(4).raster('boards');
    const changed = { board: 'one', from: 0, limit: 1 };
    const placements = { board: 'one', x: 1, y: 0, limit: 1 };
    const cursors = { changed: (await view.changed(changed)).next!, placements: view.placements(placements).next! };

    const now = fixture.db().raster('boards');
    const next = now.placements({ ...placements, cursor: cursors.placements });
    expect(next).toEqual({ items: [{ color: 5, offset: 1 }], next: null });
    expect((await now.changed({ ...changed, limit: 9, cursor: cursors.changed })).items).toMatchObject([
      { x: 2, offset: 2 },
      { x: 3, offset: 3 },
    ]);
    for (const wrong of [{ from: 1 }, { board: 'two' }, { cursor: cursors.placements }, { cursor: 'x' }]) {
      await expect(now.changed({ ...changed, cursor: cursors.changed, ...wrong })).rejects.toMatchObject({
        code: 'history.cursor',
      });
    }
    expect(() => now.placements({ ...placements, x: 2, cursor: cursors.placements })).toThrow('cursor');
    expect(() =>
      fixture
        .db()
        .raster('boards')
        .placements({ ...placements, cursor: cursors.changed }),
    ).toThrow('cursor');
  } finally {
    await fixture.end();
  }
});
