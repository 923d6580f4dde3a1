import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Db } from './db.ts';
import { FoldingFixture, MemoryLog } from './folding-fixture.ts';
import { defineProjection, raster } from './projection.ts';

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
    }
  } catch (error) {
    throw new Error(`with seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
  } finally {
    await fixture.end();
  }
}, 120_000);
