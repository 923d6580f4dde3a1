import { tileStream } from '../../commands/boards/tiles.ts';
import { openPlaceFile } from '../../src/cli/place/file.ts';
import { eachPlace } from '../../src/cli/place/row.ts';
import { BOARD_SIDE, seeded } from '../replay/build-log.ts';

export type Placed = { readonly x: number; readonly y: number; readonly color: number };

const COLOURS = 16;
/** Of the placements of a file that is looped, so many are noise, so that no two laps are the same. */
const NOISE = 1 / 8;
/** Without a file, so many lie within the hot spots. */
const HOT = 0.6;
const HOT_SPOTS = 12;
const HOT_SPOT_SIDE = 60;

/** All pixels of a data set of r/place on a board of 1000 x 1000, in the file's order. */
export async function readPlacements(path: string): Promise<readonly Placed[]> {
  const { batches } = await openPlaceFile(path);
  const placed: Placed[] = [];
  for await (const rows of batches) {
    for (const row of rows) eachPlace(row, (x, y) => placed.push({ x, y, color: row.colour }));
  }
  return placed;
}

/** The board and `count` placements: those of a file again and again among noise, or noise with hot spots. */
export function* boardEvents(count: number, recorded: readonly Placed[] | null) {
  const random = seeded(2017);
  const palette = Array.from({ length: COLOURS }, (_, at) => `#0000${(16 * at).toString(16).padStart(2, '0')}`);
  const data = { board: 'bench', width: BOARD_SIDE, height: BOARD_SIDE, palette, cooldownSeconds: 0 };
  yield { stream: 'board-bench', type: 'BoardCreated', data };
  const noise = recorded === null ? hotSpots(random) : () => anywhere(random);
  for (let at = 0; at < count; at++) {
    const isRecorded = recorded !== null && random() >= NOISE;
    const { x, y, color } = isRecorded ? recorded[at % recorded.length]! : noise();
    yield { stream: tileStream('bench', x, y), type: 'PixelPlaced', data: { board: 'bench', x, y, color } };
  }
}

function anywhere(random: () => number): Placed {
  const [x, y] = [Math.floor(random() * BOARD_SIDE), Math.floor(random() * BOARD_SIDE)];
  return { x, y, color: Math.floor(random() * COLOURS) };
}

function hotSpots(random: () => number): () => Placed {
  const corner = () => Math.floor(random() * (BOARD_SIDE - HOT_SPOT_SIDE));
  const spots = Array.from({ length: HOT_SPOTS }, () => ({ left: corner(), top: corner() }));
  return () => {
    if (random() >= HOT) return anywhere(random);
    const { left, top } = spots[Math.floor(random() * HOT_SPOTS)]!;
    const within = () => Math.floor(random() * HOT_SPOT_SIDE);
    return { x: left + within(), y: top + within(), color: Math.floor(random() * COLOURS) };
  };
}
