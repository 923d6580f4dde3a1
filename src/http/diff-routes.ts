import type { Principal } from '#handling/domain.ts';
import { allOf, type DiffCatalogue, differenceIn, isKeyed } from '#history/items/diff.ts';
import type { Difference } from '#history/items/difference.ts';
import type { Showing } from '#history/items/items.ts';
import { errors } from '../errors.ts';
import type { Callers } from './callers.ts';
import { matchesTag } from './conditional.ts';
import { type DiffQuery, diffQuery, readDiffCursor, writeDiffCursor } from './diff-query.ts';
import { type Exchange, JSON_TYPE } from './exchange.ts';
import { InTurn } from './in-turn.ts';
import { asksForNdjson, sendLines } from './ndjson.ts';
import type { HttpParts } from './parts.ts';
import { checkQuery } from './query-check.ts';
import { locationAt, tagOfBytes } from './reading-answer.ts';
import { reachAsOf, waitForOffset, waitForPosition } from './reading-position.ts';
import { readQuery } from './route-pattern.ts';
import type { Handler } from './router.ts';

const LIMIT_UNLESS_TOLD = 100;
const PNG_TYPE = 'image/png';
/** The largest board takes some 100 MiB while it is drawn. */
const DRAWN_AT_ONCE_MAX = 4;
const WAITING_MAX = 1_000;

export type DiffParts = Pick<HttpParts, 'log' | 'projections'> & {
  readonly callers: Callers;
  readonly catalogue: DiffCatalogue;
  readonly showing: Showing;
};

type Request = {
  readonly query: DiffQuery;
  readonly url: string;
  readonly rawQuery: string;
  /** Whose items; `null` everyone's. */
  readonly account: string | null;
  readonly format: 'json' | 'ndjson' | 'png';
  readonly minPosition: string;
  readonly ifNoneMatch: string;
};

/** The offsets that are compared, and whether the request named both for ever. */
type Range = { readonly from: number; readonly to: number; readonly exact: boolean; readonly inner: string | null };

/** `GET /v1/diff`: what changed between two positions. Boards are there for everyone, an account's items for its key. */
export function diffHandler(parts: DiffParts): Handler {
  const pictures = new InTurn({ atOnce: DRAWN_AT_ONCE_MAX, waitingMax: WAITING_MAX });
  return (exchange, req) => {
    const caller = parts.callers.of(req.getHeader('authorization'));
    const rawQuery = req.getQuery() ?? '';
    const query = checkQuery(diffQuery, readQuery(rawQuery));
    const request: Request = {
      query,
      url: req.getUrl(),
      rawQuery,
      account: accountOf(caller, query),
      format: formatOf(query, req.getHeader('accept')),
      minPosition: req.getHeader('strata-min-position'),
      ifNoneMatch: req.getHeader('if-none-match'),
    };
    answer(exchange, { ...parts, pictures }, request).catch((error: unknown) => exchange.refuse(error));
  };
}

async function answer(
  exchange: Exchange,
  parts: DiffParts & { readonly pictures: InTurn },
  request: Request,
): Promise<void> {
  const { catalogue, projections, showing, pictures } = parts;
  const { query, format, account } = request;
  const range = await rangeOf(request, parts);
  if (exchange.over) return;
  const { prefix } = query;
  const asked = {
    from: range.from,
    account,
    documents: query.documents === 'true',
    ...(prefix !== undefined && { prefix }),
  };
  const difference = differenceIn(catalogue, query.in, asked, projections.db(range.to), showing);

  const [from, to] = [showing.position(range.from), showing.position(range.to)];
  // What is asked for by `Accept` is kept apart by it.
  const headers = [
    'Strata-Position',
    to,
    'Vary',
    'Accept',
    ...cachingHeaders(difference, range, request, { from, to }),
  ];
  if (query.summary === 'true') {
    return send(exchange, request, JSON.stringify({ in: query.in, from, to, ...(await difference.counts()) }), headers);
  }
  if (format === 'png') {
    if (difference.picture === undefined) throw errors.error('request.invalid', `there is no picture of ${query.in}`);
    const picture = await pictures.run(async () => (exchange.over ? null : await difference.picture!()));
    return picture === null ? undefined : send(exchange, request, picture, headers, PNG_TYPE);
  }
  if (format === 'ndjson') return await sendLines(exchange, linesOf(difference, query.limit, range.inner), headers);

  const limit = query.limit ?? LIMIT_UNLESS_TOLD;
  const page = await difference.page({ limit, ...(range.inner !== null && { cursor: range.inner }) });
  const next = page.next === null ? null : writeDiffCursor({ ...range, inner: page.next });
  send(exchange, request, JSON.stringify({ from, to, items: page.items, next }), headers);
}

/** The state of now is that of page 1 on later pages. @throws as `resolveAsOf`, history.cursor, history.not-yet */
async function rangeOf({ query, minPosition }: Request, { log, projections }: DiffParts): Promise<Range> {
  if (minPosition !== '') await waitForPosition(minPosition, log, projections);
  if (query.cursor !== undefined) {
    const cursor = readDiffCursor(query.cursor, log.head().offsets[0]!);
    await waitForOffset(cursor.to, projections);
    return { ...cursor, exact: false };
  }
  const from = await reachAsOf(query.from, { log, projections });
  const to = query.to === undefined ? null : await reachAsOf(query.to, { log, projections });
  return {
    from: from.offset,
    to: to?.offset ?? projections.checkpoint(),
    exact: from.exact && to?.exact === true,
    inner: null,
  };
}

async function* linesOf(
  difference: Difference,
  limit: number | undefined,
  after: string | null,
): AsyncGenerator<string> {
  for await (const item of allOf(difference, limit, after)) yield JSON.stringify(item);
}

/** Two exact positions of a board never differ in another way; what belongs to accounts may still be erased. */
function cachingHeaders(
  { isPublic }: Difference,
  { exact }: Range,
  { url, rawQuery, query }: Request,
  positions: { readonly from: string; readonly to: string },
): string[] {
  if (isPublic && exact) return ['Cache-Control', 'public, max-age=31536000, immutable'];
  const location =
    exact || query.cursor !== undefined ? [] : ['Content-Location', locationAt(url, rawQuery, positions)];
  return [...location, 'Cache-Control', isPublic ? 'no-cache' : 'private, no-cache'];
}

function send(
  exchange: Exchange,
  { ifNoneMatch }: Request,
  body: string | Uint8Array,
  headers: readonly string[],
  mediaType = JSON_TYPE,
): void {
  const etag = `"${tagOfBytes(body)}"`;
  if (matchesTag(ifNoneMatch, etag)) exchange.sendEmpty(304, [...headers, 'ETag', etag]);
  else exchange.send(200, mediaType, body, [...headers, 'ETag', etag]);
}

/** Whose items are compared: an account's key sees its own. @throws auth.required, auth.forbidden */
function accountOf(caller: Principal | null, query: DiffQuery): string | null {
  if (isKeyed(query.in)) return null;
  if (caller === null) throw errors.error('auth.required', 'reading this takes a key');
  if (caller.role !== 'account') return query.account ?? null;
  if (query.account !== undefined && query.account !== caller.account) {
    throw errors.error('auth.forbidden', 'the key of an account compares its own items');
  }
  return caller.account;
}

function formatOf({ format }: DiffQuery, accept: string): Request['format'] {
  if (format !== undefined) return format;
  if (asksForNdjson(accept)) return 'ndjson';
  return accept.startsWith(PNG_TYPE) ? 'png' : 'json';
}
