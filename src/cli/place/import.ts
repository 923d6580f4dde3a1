import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { StrataClient } from '../client.ts';
import { CliFailure } from '../failure.ts';
import { isAfter } from '../log-events.ts';
import { Lanes, type Place } from './lanes.ts';
import { mapColours } from './palettes.ts';
import { eachPlace } from './row.ts';
import { boardFor, findBoard, isInside, type OpenedFile, openAll, type Target } from './target.ts';
import { type SourcedRow, TimeOrder } from './time-order.ts';

const LANES = 4;

export type ImportOptions = {
  readonly files: readonly string[];
  readonly board: string;
  /** Makes the board when there is none, in the data set's size and palette. */
  readonly create: boolean;
  /** Takes the board's nearest colour for one that its palette lacks. */
  readonly nearest: boolean;
  /** Only so many rows from the beginning of the files. */
  readonly limit: number;
};

/** How far an import is. */
export type ImportProgress = {
  readonly phase: 'reading' | 'sending';
  /** Rows read, or pixels accepted. */
  readonly done: number;
  /** Pixels to send; 0 while reading. */
  readonly total: number;
  /** Since the phase began. */
  readonly seconds: number;
};

export type ImportReport = {
  readonly board: string;
  readonly format: string;
  readonly created: boolean;
  readonly rows: number;
  /** Moderation rows, and the pixels that they fill. */
  readonly rectangles: number;
  readonly circles: number;
  readonly filled: number;
  /** Pixels that lie outside the board and were left out; the first one's place in the files. */
  readonly outside: number;
  readonly firstOutside: string | null;
  /** Pixels that were new, and those that an earlier import had placed already. */
  readonly placed: number;
  readonly alreadyThere: number;
  readonly seconds: number;
  /** The last answer's position. */
  readonly position: string | null;
};

/**
 * Imports r/place data sets: reads and checks all rows, puts them in time order, then sends them. Each pixel's
 * idempotency key comes from its file's beginning and its line, so importing again adds nothing.
 * @throws CliFailure naming file and line, before anything is sent, when a row cannot be read or has an unknown colour.
 */
export async function importPlace(
  client: StrataClient,
  options: ImportOptions,
  watch: (progress: ImportProgress) => void,
): Promise<ImportReport> {
  const startedMs = performance.now();
  const files = await openAll(options.files);
  const format = files[0]!.format;
  const existing = await findBoard(client, options.board, options.create);
  const board = existing?.board ?? boardFor(format);
  const colours = mapColours(format.palette, board.palette, options.nearest);
  const scratch = await mkdtemp(join(tmpdir(), 'strata-import-'));
  try {
    const order = new TimeOrder(scratch);
    const survey = await readAll(files, options, { format, board, colours }, order, watch);
    if (existing === null) await client.command('PUT', `boards/${options.board}`, board);
    const sent = await sendAll(client, files, options, { format, board, colours }, order, survey.inside, watch);
    const { inside: _inside, ...counts } = survey;
    return {
      board: options.board,
      format: format.name,
      created: existing === null,
      ...counts,
      ...sent,
      seconds: (performance.now() - startedMs) / 1000,
    };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function readAll(
  files: readonly OpenedFile[],
  options: ImportOptions,
  { format, board, colours }: Target,
  order: TimeOrder,
  watch: (progress: ImportProgress) => void,
) {
  const startedMs = performance.now();
  const counts = { rows: 0, rectangles: 0, circles: 0, filled: 0, outside: 0, inside: 0 };
  let firstOutside: string | null = null;
  reading: for (const [at, file] of files.entries()) {
    for await (const batch of file.batches) {
      for (const row of batch) {
        if (counts.rows >= options.limit) break reading;
        counts.rows += 1;
        if (colours[row.colour] === -1) {
          throw new CliFailure(
            `${file.path}:${row.line}: board ${options.board} has no colour ${format.palette[row.colour]} in its palette ` +
              '(--nearest takes the one that is nearest)',
          );
        }
        let outside = 0;
        let inside = 0;
        eachPlace(row, (x, y) => {
          if (isInside(board, x - format.originX, y - format.originY)) inside += 1;
          else outside += 1;
        });
        if (row.shape === 'rectangle') counts.rectangles += 1;
        if (row.shape === 'circle') counts.circles += 1;
        if (row.shape !== 'pixel') counts.filled += inside;
        if (outside > 0) firstOutside ??= `${file.path}:${row.line}`;
        counts.outside += outside;
        counts.inside += inside;
        const room = order.add(row, at);
        if (room !== null) await room;
      }
      watch({ phase: 'reading', done: counts.rows, total: 0, seconds: (performance.now() - startedMs) / 1000 });
    }
  }
  await Promise.all(files.map((file) => file.batches.return(undefined)));
  return { ...counts, firstOutside };
}

async function sendAll(
  client: StrataClient,
  files: readonly OpenedFile[],
  options: ImportOptions,
  { format, board, colours }: Target,
  order: TimeOrder,
  total: number,
  watch: (progress: ImportProgress) => void,
) {
  const startedMs = performance.now();
  const before = await positionNow(client, options.board);
  let placed = 0;
  let alreadyThere = 0;
  let position: string | null = null;
  const lanes = new Lanes(client, options.board, LANES, (positions) => {
    for (const at of positions) {
      if (isAfter(at, before)) placed += 1;
      else alreadyThere += 1;
      if (position === null || isAfter(at, position)) position = at;
    }
    watch({ phase: 'sending', done: placed + alreadyThere, total, seconds: (performance.now() - startedMs) / 1000 });
  });
  for await (const row of order.rows()) {
    for (const place of placesOf(row, files[row.file]!, { format, board, colours })) {
      const room = lanes.add(place);
      if (room !== null) await room;
    }
  }
  await lanes.finish();
  await client.settled(position);
  return { placed, alreadyThere, position };
}

function placesOf(row: SourcedRow, file: OpenedFile, { format, board, colours }: Target): Place[] {
  const places: Place[] = [];
  const color = colours[row.colour]!;
  let part = 0;
  eachPlace(row, (placeX, placeY) => {
    const [x, y] = [placeX - format.originX, placeY - format.originY];
    const key = `place-${file.identity}-${row.line}`;
    const idempotencyKey = row.shape === 'pixel' ? key : `${key}-${part}`;
    part += 1;
    if (!isInside(board, x, y)) return;
    places.push({ x, y, color, idempotencyKey, source: `${basename(file.path)}:${row.line}` });
  });
  return places;
}

async function positionNow(client: StrataClient, board: string): Promise<string> {
  const response = await client.request('GET', `boards/${board}`);
  await response.arrayBuffer();
  const position = response.headers.get('Strata-Position');
  if (position === null) throw new CliFailure('the server does not tell its position');
  return position;
}
