import type { StrataClient } from '../client.ts';
import { isAfter } from '../log-events.ts';
import { Lanes } from '../place/lanes.ts';

const WIDTH = 320;
const HEIGHT = 200;

/** Indexes into the default palette, from the sky down. */
const SKY = 2;
const LAYERS = [7, 11, 8, 15, 3, 13, 6, 0] as const;

/** Layers of earth under a sky, for when no data set is given: a place's colour, by its palette index. */
function colourAt(x: number, y: number): number {
  const fold = 14 * Math.sin(x / 37) + 9 * Math.sin(x / 13 + 2) + 5 * Math.sin((x + y) / 29);
  const depth = y - 50 + fold;
  if (depth < 0) return (x - 250) ** 2 + (y - 25) ** 2 < 220 ? 7 : SKY;
  return depth < 4 ? 10 : LAYERS[Math.min(LAYERS.length - 1, Math.floor(depth / 19))]!;
}

/** Makes the board that the picture fits. */
export async function makePictureBoard(client: StrataClient, board: string): Promise<void> {
  await client.command('PUT', `boards/${board}`, { width: WIDTH, height: HEIGHT });
}

/** Draws the picture, pixel by pixel in a scattered order. */
export async function drawPicture(
  client: StrataClient,
  board: string,
  watch: (done: number, total: number) => void,
): Promise<{ pixels: number; position: string }> {
  const total = WIDTH * HEIGHT;
  let done = 0;
  let position = '0';
  const lanes = new Lanes(client, board, 2, (positions) => {
    done += positions.length;
    for (const at of positions) if (isAfter(at, position)) position = at;
    watch(done, total);
  });
  for (let at = 0; at < total; at += 1) {
    // 7,919 is prime and does not divide the area: every place comes once.
    const place = (at * 7_919) % total;
    const [x, y] = [place % WIDTH, Math.floor(place / WIDTH)];
    const room = lanes.add({
      x,
      y,
      color: colourAt(x, y),
      idempotencyKey: `demo-${board}-${place}`,
      source: 'picture',
    });
    if (room !== null) await room;
  }
  await lanes.finish();
  return { pixels: total, position };
}
