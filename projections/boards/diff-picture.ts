import { setImmediate as nextTurn } from 'node:timers/promises';
import type { PixelChange } from '#history/db.ts';
import { PIXELS_A_TURN } from './bitmap.ts';
import { encodePng } from './png.ts';

const COLOURS_MAX = 256;
const GREYS_MAX = 32;
/** Between what a black and what a white pixel is dimmed to. */
const [DARKEST, LIGHTEST] = [0x20, 0x60];

type Drawn = { readonly pixels: Uint8Array; readonly width: number; readonly palette: readonly string[] };

/** A PNG: what changed in its new colour, in front of the board in dim greys. `pixels` is drawn over. */
export async function drawDifference(
  { pixels, width, palette }: Drawn,
  changes: AsyncIterable<readonly Pick<PixelChange, 'x' | 'y' | 'after'>[]>,
): Promise<Buffer> {
  const greys = greysBeside(palette);
  const dimmed = palette.map((colour) => greyOf(colour, palette, greys));
  for (let at = 0; at < pixels.length; at++) {
    if (at % PIXELS_A_TURN === 0) await nextTurn();
    pixels[at] = dimmed[pixels[at]!]!;
  }
  for await (const page of changes) {
    for (const { x, y, after } of page) pixels[y * width + x] = after;
  }
  return await encodePng(pixels, width, [...palette, ...greys]);
}

/** As many as a PNG's palette has room for beside the board's own. */
function greysBeside(palette: readonly string[]): string[] {
  const count = Math.min(GREYS_MAX, COLOURS_MAX - palette.length);
  const step = (LIGHTEST - DARKEST) / Math.max(1, count - 1);
  return Array.from({ length: count }, (_, at) => hexOf(Math.round(DARKEST + at * step)));
}

/** The place of a colour's grey; a palette that is full lends its own colours. */
function greyOf(colour: string, palette: readonly string[], greys: readonly string[]): number {
  const grey = rgbOf(hexOf(Math.round(DARKEST + (lightness(colour) / 255) * (LIGHTEST - DARKEST))));
  const isFull = greys.length === 0;
  const choices = isFull ? palette : greys;
  let nearest = 0;
  for (let at = 1; at < choices.length; at++) {
    if (distance(rgbOf(choices[at]!), grey) < distance(rgbOf(choices[nearest]!), grey)) nearest = at;
  }
  return isFull ? nearest : palette.length + nearest;
}

type Rgb = readonly [red: number, green: number, blue: number];

function rgbOf(colour: string): Rgb {
  const value = Number.parseInt(colour.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

function hexOf(level: number): string {
  return `#${level.toString(16).padStart(2, '0').repeat(3)}`;
}

/** Rec. 601 luma, 0 to 255. */
function lightness(colour: string): number {
  const [red, green, blue] = rgbOf(colour);
  return 0.299 * red + 0.587 * green + 0.114 * blue;
}

function distance(a: Rgb, b: Rgb): number {
  return (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2;
}
