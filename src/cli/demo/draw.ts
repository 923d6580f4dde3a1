import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StrataClient } from '../client.ts';
import { progressLine } from '../commands/import-place.ts';
import { importPlace } from '../place/import.ts';
import { makeBoardFor } from '../place/target.ts';
import { formatCount, Progress } from '../progress.ts';
import type { LiveFeed } from './live-feed.ts';
import { drawPicture, makePictureBoard } from './picture.ts';
import type { Story } from './story.ts';

export type Drawn = {
  /** The position at which the board was empty still, and the last pixel's. */
  readonly before: string;
  readonly after: string;
  /** File that shows the board. */
  readonly picture: string;
};

/** Makes the board and draws on it: the data set, or a picture of the demo's own. */
export async function drawBoard({ client, narrator, name, place, folder }: Story, feed: LiveFeed): Promise<Drawn> {
  narrator.step(`Make a board, and draw ${place === null ? 'a picture' : place.file} on it`);
  await (place === null ? makePictureBoard(client, name) : makeBoardFor(client, name, place.file));
  await feed.subscribe(`boards/${name}`);
  const before = await positionOf(client, name);
  const progress = new Progress(narrator.terminal);
  const startedMs = performance.now();
  const seconds = () => (performance.now() - startedMs) / 1000;

  let drawn: { readonly pixels: number; readonly position: string };
  if (place === null) {
    drawn = await drawPicture(client, name, (done, total) =>
      progress.update(() => progressLine({ phase: 'sending', done, total, seconds: seconds() })),
    );
  } else {
    const options = { files: [place.file], board: name, create: false, nearest: false, limit: place.limit };
    const report = await importPlace(client, options, (at) => progress.update(() => progressLine(at)));
    drawn = { pixels: report.placed, position: report.position ?? before };
  }
  progress.clear();
  const rate = formatCount(drawn.pixels / seconds());
  narrator.line(`${formatCount(drawn.pixels)} pixels in ${seconds().toFixed(1)} s, ${rate} a second, each on the disk`);
  await feed.tellFrames(`boards/${name}`, drawn.position);
  const picture = join(folder, 'board.png');
  await savePicture(client, name, drawn.position, picture);
  return { before, after: drawn.position, picture };
}

/** Writes the board as it was at a position to a file. */
export async function savePicture(client: StrataClient, board: string, asOf: string, path: string): Promise<void> {
  const response = await client.request('GET', `boards/${board}.png`, { query: { asOf } });
  await writeFile(path, new Uint8Array(await response.arrayBuffer()));
}

async function positionOf(client: StrataClient, board: string): Promise<string> {
  const response = await client.request('GET', `boards/${board}`);
  await response.arrayBuffer();
  return response.headers.get('Strata-Position') ?? '0';
}
