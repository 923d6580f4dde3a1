/** How a board's bitmap is laid out: row by row without gaps, the first pixel in the high bits. */
export type BoardShape = {
  readonly board: string;
  readonly width: number;
  readonly height: number;
  readonly bits: 4 | 8;
};

export type BoardBitmap = BoardShape & {
  readonly bytes: Buffer;
  /** It is the board's state after the event at this offset. */
  readonly offset: number;
  /** The offset of the event that last changed the board, not past `offset`. */
  readonly changedAt: number;
};

/** What happened to one board in a range of the log. */
export type BoardChanges = {
  readonly shape: BoardShape;
  /** True when it was made in the range. */
  readonly isMade: boolean;
  /** The offset of the last event in the range that changed it. */
  readonly changedAt: number;
  /** The last colour of each place that was set, by place: `y * width + x`. */
  readonly colours: ReadonlyMap<number, number>;
};

/** A board as it was at the offset that a seed is of. */
export type SeededBoard = BoardShape & { readonly changedAt: number; bytes(): Promise<Uint8Array> };

/** How it went: applied, or it stands at another offset (`null`: nowhere), from which to go on. */
export type Fed = { readonly isApplied: boolean; readonly standsAt: number | null };

/**
 * All boards of now, in one place that members share. Every member may feed it from its log: it only ever goes forward, from
 * where it stands.
 */
export interface BoardBitmaps {
  /** The board, where it is there and stands at `atLeast` or later. @throws engine.unavailable */
  read(board: string, atLeast: number): Promise<BoardBitmap | null>;
  /** The offset at which it stands; `null` when it must be seeded. @throws engine.unavailable */
  standsAt(): Promise<number | null>;
  /**
   * Applies what happened in (after, to]. Does nothing where it stands before `after` or has passed `to`.
   * @throws engine.unavailable
   */
  feed(after: number, to: number, changes: readonly BoardChanges[]): Promise<Fed>;
  /** Puts all boards there as they were at the offset, unless it stands there or later by then. @throws engine.unavailable */
  seed(offset: number, boards: Iterable<SeededBoard>): Promise<void>;
}
