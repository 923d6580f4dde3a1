import type { BoardChanges, BoardShape } from '#cache/board-bitmaps.ts';
import { eachPixel } from '#commands/boards/packed-pixels.ts';
import type { RecordedEvent } from '#events/event.ts';

/** Places gathered before they must go out. */
const PLACES_FULL = 65_536;

type Gathered = {
  readonly shape: BoardShape;
  /** The offset that made the board, if that was in the range. */
  readonly madeAt: number | null;
  changedAt: number;
  /** By place: offset * 256 + colour. */
  readonly places: Map<number, number>;
};

export type Shapes = {
  /** Of a board that was made before. */
  of(board: string): BoardShape;
  /** Of one that the event makes, or `null`. */
  madeBy(event: RecordedEvent): BoardShape | null;
};

/** What happened to all boards in the range (after, to] of the log. */
export class GatheredChanges {
  readonly after: number;
  to: number;
  readonly #shapes: Shapes;
  readonly #boards = new Map<string, Gathered>();
  #places = 0;

  constructor(after: number, shapes: Shapes) {
    this.after = after;
    this.to = after;
    this.#shapes = shapes;
  }

  get isFull(): boolean {
    return this.#places >= PLACES_FULL;
  }

  /** Events come in order. */
  add(event: RecordedEvent): void {
    // What events are is checked when they are written.
    const { type, data, offset } = event;
    if (type === 'PixelPlaced') {
      this.#set(this.#boardOf(String(data.board)), Number(data.x), Number(data.y), Number(data.color), offset);
    } else if (type === 'PixelsReverted') {
      const board = this.#boardOf(String(data.board));
      const { left, top, pixels } = data;
      eachPixel({ left: Number(left), top: Number(top), pixels: String(pixels) }, (x, y, color) =>
        this.#set(board, x, y, color, offset),
      );
    } else {
      const shape = this.#shapes.madeBy(event);
      if (shape !== null) {
        this.#boards.set(shape.board, { shape, madeAt: offset, changedAt: offset, places: new Map() });
      }
    }
  }

  /** What is left of it for bitmaps that stand at the offset. */
  since(offset: number): readonly BoardChanges[] {
    const changes: BoardChanges[] = [];
    for (const { shape, madeAt, changedAt, places } of this.#boards.values()) {
      if (changedAt <= offset) continue;
      const colours = new Map<number, number>();
      for (const [place, set] of places) if (Math.floor(set / 256) > offset) colours.set(place, set % 256);
      changes.push({ shape, isMade: madeAt !== null && madeAt > offset, changedAt, colours });
    }
    return changes;
  }

  #boardOf(name: string): Gathered {
    let board = this.#boards.get(name);
    if (board === undefined) {
      board = { shape: this.#shapes.of(name), madeAt: null, changedAt: 0, places: new Map() };
      this.#boards.set(name, board);
    }
    return board;
  }

  #set(board: Gathered, x: number, y: number, color: number, offset: number): void {
    board.places.set(y * board.shape.width + x, offset * 256 + color);
    board.changedAt = offset;
    this.#places += 1;
  }
}
