import type { StrataClient } from './client.ts';
import { paint, printable, type Terminal } from './terminal.ts';

/** Everything that `GET /v1/diff` compares, but for boards, which are compared each by its name. */
const COLLECTIONS = ['accounts', 'albums', 'dapps', 'photos', 'refs'] as const;
const BOARDS = 'boards/';
const TILE_STREAM = /^tile-(.+)-\d+-\d+$/;
const PAGE_MAX = 1_000;

/** What a diff answers: of an item its documents, of a board's pixel its colours. */
export type Change = {
  readonly key?: string;
  readonly change?: 'added' | 'removed' | 'changed';
  readonly x?: number;
  readonly y?: number;
  readonly before: unknown;
  readonly after: unknown;
  readonly position: string;
  readonly erased?: true;
};

export type Counts = { readonly added: number; readonly removed: number; readonly changed: number };

export type DiffRange = {
  readonly in: string;
  readonly from: string;
  readonly to?: string | undefined;
  readonly prefix?: string | undefined;
};

/** What an event of the stream can have changed. */
export function changedBy(stream: string): readonly string[] {
  const tile = TILE_STREAM.exec(stream);
  return tile === null ? COLLECTIONS : [`${BOARDS}${tile[1]}`];
}

/** What can be compared up to `to`: all collections, and the boards that there were; by a prefix of keys, collections. */
export async function comparable(
  client: StrataClient,
  { to, prefix }: Pick<DiffRange, 'to' | 'prefix'>,
): Promise<readonly string[]> {
  if (prefix !== undefined) return COLLECTIONS;
  const boards: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.json<{ items: { board: string }[]; next: string | null }>('boards', {
      limit: PAGE_MAX,
      asOf: to,
      cursor,
    });
    boards.push(...page.items.map(({ board }) => `${BOARDS}${board}`));
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  return [...COLLECTIONS, ...boards];
}

/** The changes in the order in which the server tells them, page by page. */
export async function* changedIn(client: StrataClient, range: DiffRange): AsyncGenerator<Change> {
  let cursor: string | undefined;
  do {
    const query = { ...range, limit: PAGE_MAX, cursor };
    const page: { items: Change[]; next: string | null } = await client.json('diff', query);
    yield* page.items;
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
}

export async function countsIn(client: StrataClient, range: DiffRange): Promise<Counts> {
  const { added, removed, changed } = await client.json<Counts>('diff', { ...range, summary: 'true' });
  return { added, removed, changed };
}

/** A change in the manner of `git diff`: what was on lines with a minus, what is on lines with a plus. */
export function changeLines(terminal: Terminal, where: string, change: object): string {
  const { key, change: kind, x, y, before, after, position, erased } = change as Change;
  if (x !== undefined) {
    const colours = `${paint(terminal, 'red', `-${before}`)} ${paint(terminal, 'green', `+${after}`)}`;
    return `${paint(terminal, 'bold', `${where} ${x},${y}`)} ${colours} ${paint(terminal, 'dim', `@${position}`)}\n`;
  }
  const title = paint(terminal, 'bold', `${where}/${key}`);
  const note = erased === true ? 'erased since' : kind;
  const head = `${title} ${note} ${paint(terminal, 'dim', `@${position}`)}\n`;
  const [was, is] = [fieldsOf(before), fieldsOf(after)];
  const names = [...new Set([...Object.keys(was), ...Object.keys(is)])];
  const lines = names.map((name) => {
    const [old, now] = [was[name], is[name]].map((value) => (value === undefined ? null : printable(value)));
    if (old === now) return '';
    const minus = old === null ? '' : `${paint(terminal, 'red', `- ${name}: ${old}`)}\n`;
    return `${minus}${now === null ? '' : `${paint(terminal, 'green', `+ ${name}: ${now}`)}\n`}`;
  });
  return `${head}${lines.join('')}\n`;
}

function fieldsOf(value: unknown): { readonly [name: string]: unknown } {
  return typeof value === 'object' && value !== null ? (value as { readonly [name: string]: unknown }) : {};
}
