import { CliFailure } from '../failure.ts';
import { PALETTE_2017, PALETTE_2022 } from './palettes.ts';
import type { PlaceFormat, PlaceRow } from './row.ts';

/** Coordinates are stored in 16 bits; every published canvas is far smaller. */
const COORDINATE_MAX = 32_767;

const FORMATS = {
  2017: { name: 'r/place 2017 CSV', palette: PALETTE_2017, width: 1000, height: 1000, originX: 0, originY: 0 },
  2022: { name: 'r/place 2022 CSV', palette: PALETTE_2022, width: 2000, height: 2000, originX: 0, originY: 0 },
  2023: { name: 'r/place 2023 CSV', palette: PALETTE_2022, width: 3000, height: 2000, originX: -1500, originY: -1000 },
} as const;

export type CsvReader = {
  readonly format: PlaceFormat;
  /** @throws CliFailure without a place: the caller knows file and line. */
  readonly row: (text: string, line: number) => PlaceRow;
};

/** Reads the header: which data set it is, and in which column each value stands. */
export function csvReader(header: string): CsvReader {
  const names = header
    .replace(/^\uFEFF/, '')
    .split(',')
    .map((name) => name.trim().toLowerCase());
  const column = (...aliases: string[]) => names.findIndex((name) => aliases.includes(name));
  const time = column('ts', 'timestamp');
  const colour = column('color', 'pixel_color');
  const [x, y, coordinate] = [column('x_coordinate'), column('y_coordinate'), column('coordinate')];
  if (time >= 0 && colour >= 0 && x >= 0 && y >= 0) {
    return {
      format: FORMATS[2017],
      row: (text, line) => {
        const cells = splitCells(text, names.length);
        const at = { line, timeMs: readTime(cells[time]!), colour: readNumberedColour(cells[colour]!) };
        return { ...at, shape: 'pixel', x: readCoordinate(cells[x]!), y: readCoordinate(cells[y]!), x2: 0, y2: 0 };
      },
    };
  }
  if (time >= 0 && colour >= 0 && coordinate >= 0) {
    const format = column('user_id') >= 0 ? FORMATS[2022] : FORMATS[2023];
    return {
      format,
      row: (text, line) => {
        const cells = splitCells(text, names.length);
        const at = { line, timeMs: readTime(cells[time]!), colour: readNamedColour(cells[colour]!) };
        return { ...at, ...readPlace(cells[coordinate]!) };
      },
    };
  }
  throw new CliFailure(
    `the first line "${header.slice(0, 80)}" is not the header of an r/place CSV ` +
      '(ts,user_hash,x_coordinate,y_coordinate,color or timestamp,user_id,pixel_color,coordinate)',
  );
}

/** The cells of a line of CSV (RFC 4180; no data set has line breaks in cells). */
export function splitCells(text: string, count: number): string[] {
  const cells = text.includes('"') ? splitQuoted(text) : text.split(',');
  if (cells.length !== count) throw new CliFailure(`has ${cells.length} cells, not ${count}`);
  return cells;
}

function splitQuoted(text: string): string[] {
  const cells: string[] = [];
  let at = 0;
  while (at <= text.length) {
    const end = text[at] === '"' ? closingQuote(text, at) + 1 : text.indexOf(',', at);
    const to = end < 0 ? text.length : end;
    const cell = text.slice(at, to);
    cells.push(cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell);
    if (to < text.length && text[to] !== ',') throw new CliFailure('goes on after a closing quote');
    at = to + 1;
  }
  return cells;
}

/** The quote that closes the one at `opening`: doubled ones stand for themselves. */
function closingQuote(text: string, opening: number): number {
  for (let at = text.indexOf('"', opening + 1); at >= 0; at = text.indexOf('"', at + 2)) {
    if (text[at + 1] !== '"') return at;
  }
  throw new CliFailure('has a quote that is not closed');
}

const DATE_TIME = /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?: ?UTC|Z)?$/;

/** Milliseconds since 1970, from a number of them or from `2022-04-04 00:53:51.577 UTC` with any number of decimals. */
export function readTime(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  const match = DATE_TIME.exec(text);
  if (match === null) throw new CliFailure(`has no time in "${text.slice(0, 40)}"`);
  const [, year, month, day, hour, minute, second, decimals = ''] = match;
  const milliseconds = Number(decimals.slice(0, 3).padEnd(3, '0'));
  return (
    Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second)) + milliseconds
  );
}

function readNumberedColour(text: string): number {
  const colour = /^\d{1,2}$/.test(text) ? Number(text) : -1;
  if (colour < 0 || colour >= PALETTE_2017.length)
    throw new CliFailure(`has the unknown colour "${text.slice(0, 20)}"`);
  return colour;
}

const NAMED = new Map(PALETTE_2022.map((colour, index) => [colour, index]));

function readNamedColour(text: string): number {
  const colour = NAMED.get(text.toLowerCase());
  if (colour === undefined) throw new CliFailure(`has the unknown colour "${text.slice(0, 20)}"`);
  return colour;
}

/** Moderators filled parts of a canvas, never more than one. */
const SIDE_MAX = 4_096;

const CIRCLE = /^\{X: (-?\d+), Y: (-?\d+), R: (\d+)\}$/;

/** `x,y`, a moderation rectangle `x1,y1,x2,y2` or a moderation circle `{X: 1, Y: 2, R: 3}`. */
function readPlace(text: string): Pick<PlaceRow, 'shape' | 'x' | 'y' | 'x2' | 'y2'> {
  const circle = CIRCLE.exec(text);
  if (circle !== null) {
    const [x, y, radius] = circle.slice(1).map(readCoordinate);
    if (radius! * 2 > SIDE_MAX) throw new CliFailure(`has a circle larger than any canvas in "${text}"`);
    return { shape: 'circle', x: x!, y: y!, x2: radius!, y2: 0 };
  }
  const numbers = text.split(',').map(readCoordinate);
  const [x, y, x2 = 0, y2 = 0] = numbers;
  if (numbers.length !== 2 && numbers.length !== 4) throw new CliFailure(`has no place in "${text.slice(0, 40)}"`);
  if (numbers.length === 2) return { shape: 'pixel', x: x!, y: y!, x2: 0, y2: 0 };
  if (Math.abs(x2 - x!) > SIDE_MAX || Math.abs(y2 - y!) > SIDE_MAX) {
    throw new CliFailure(`has a rectangle larger than any canvas in "${text}"`);
  }
  return { shape: 'rectangle', x: x!, y: y!, x2, y2 };
}

function readCoordinate(text: string): number {
  const value = /^-?\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (!(Math.abs(value) <= COORDINATE_MAX)) throw new CliFailure(`has no coordinate in "${text.slice(0, 20)}"`);
  return value;
}
