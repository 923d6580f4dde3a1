import { ProblemError, type StrataClient } from '../client.ts';
import { CliFailure } from '../failure.ts';
import { openPlaceFile, type PlaceFile } from './file.ts';
import { whiteFirst } from './palettes.ts';
import type { PlaceFormat } from './row.ts';

export type Board = { readonly width: number; readonly height: number; readonly palette: readonly string[] };

/** Makes the board that a data set was drawn on: its size, and its palette with white first. */
export async function makeBoardFor(client: StrataClient, name: string, path: string): Promise<void> {
  const { format, batches } = await openPlaceFile(path);
  await batches.return(undefined);
  await client.command('PUT', `boards/${name}`, boardFor(format));
}

/** What `makeBoardFor` makes. */
export function boardFor({ width, height, palette }: PlaceFormat): Board {
  return { width, height, palette: whiteFirst(palette) };
}

export type OpenedFile = PlaceFile & { readonly path: string };

/** What rows become on a board. */
export type Target = { readonly format: PlaceFormat; readonly board: Board; readonly colours: readonly number[] };

/** Opens the files of one data set. @throws CliFailure when they are of several, or one is given twice. */
export async function openAll(paths: readonly string[]): Promise<OpenedFile[]> {
  const files: OpenedFile[] = [];
  for (const path of paths) files.push({ path, ...(await openPlaceFile(path)) });
  const other = files.find(({ format }) => format.name !== files[0]!.format.name);
  if (other !== undefined) {
    throw new CliFailure(`${other.path} is ${other.format.name} and ${files[0]!.path} is ${files[0]!.format.name}`);
  }
  const twin = files.find(({ identity }, at) => files.findIndex((file) => file.identity === identity) < at);
  if (twin !== undefined) throw new CliFailure(`${twin.path} begins as another of the files does: it is there twice`);
  return files;
}

/** The board if it is there; `null` when it is to be made. @throws CliFailure when it cannot be imported onto. */
export async function findBoard(client: StrataClient, name: string, create: boolean): Promise<{ board: Board } | null> {
  try {
    const board = await client.json<Board & { cooldownSeconds: number }>(`boards/${name}`);
    if (board.cooldownSeconds > 0) {
      throw new CliFailure(`board ${name} has a cooldown of ${board.cooldownSeconds} s: import onto a board without`);
    }
    return { board };
  } catch (error) {
    if (!(error instanceof ProblemError) || error.problem.status !== 404) throw error;
    if (!create) throw new CliFailure(`there is no board ${name}: make it first, or say --create`);
    return null;
  }
}

/** True for a place of the board, by the board's own coordinates. */
export function isInside(board: Board, x: number, y: number): boolean {
  return x >= 0 && y >= 0 && x < board.width && y < board.height;
}
