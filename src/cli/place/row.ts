/** One row of a data set: somebody's pixel, or a moderator's rectangle or circle. */
export type PlaceRow = {
  /** Line of the file, from 1; in the diff form the number of the change, from 1. */
  readonly line: number;
  /** When it was placed, ms since 1970; 0 where the data set has no times and is in order. */
  readonly timeMs: number;
  /** Index into the data set's own palette. */
  readonly colour: number;
  readonly shape: 'pixel' | 'rectangle' | 'circle';
  readonly x: number;
  readonly y: number;
  /** A rectangle's other corner, included; a circle's radius in `x2`; 0 in a pixel. */
  readonly x2: number;
  readonly y2: number;
};

export type PlaceFormat = {
  readonly name: string;
  readonly palette: readonly string[];
  /** The canvas that the data set was drawn on. */
  readonly width: number;
  readonly height: number;
  /** The coordinates of its top left corner. */
  readonly originX: number;
  readonly originY: number;
};

/** Calls `visit` for every place of a row, in its own coordinates: one for a pixel. */
export function eachPlace(row: PlaceRow, visit: (x: number, y: number) => void): void {
  if (row.shape === 'pixel') {
    visit(row.x, row.y);
    return;
  }
  const radius = row.x2;
  const circle = row.shape === 'circle';
  const [fromX, toX] = circle ? [row.x - radius, row.x + radius] : ordered(row.x, row.x2);
  const [fromY, toY] = circle ? [row.y - radius, row.y + radius] : ordered(row.y, row.y2);
  for (let y = fromY; y <= toY; y += 1) {
    for (let x = fromX; x <= toX; x += 1) {
      if (!circle || (x - row.x) ** 2 + (y - row.y) ** 2 <= radius ** 2) visit(x, y);
    }
  }
}

function ordered(a: number, b: number): readonly [number, number] {
  return a <= b ? [a, b] : [b, a];
}
