import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ACME, OTHER, Stage } from './http-stage.ts';

const stage = new Stage();
let created: string;
let first: string;
beforeAll(async () => {
  await stage.open();
  created = (await stage.call('PUT', '/v1/boards/demo', { body: { width: 10, height: 10 } })).body.position;
  first = (await stage.call('PUT', '/v1/boards/demo/pixels/1/1', { body: { color: 5 } })).body.position;
  await stage.call('POST', '/v1/accounts', { body: { account: 'acme' } });
  await stage.call('POST', '/v1/accounts', { body: { account: 'other' } });
});
afterAll(() => stage.close());

const place = async (color: number): Promise<string> =>
  (await stage.call('PUT', '/v1/boards/demo/pixels/1/1', { body: { color } })).body.position;
const get = (path: string, headers: { [name: string]: string } = {}, key: string | null = null) =>
  stage.call('GET', path, { key, headers });

describe('at a position', () => {
  test('a read tells its position, and may ask for at least one', async () => {
    const position = await place(6);
    const now = await get('/v1/boards/demo/pixels/1/1', { 'strata-min-position': position });
    expect(now).toMatchObject({ status: 200, body: { color: 6, position } });
    expect(Number(now.headers.get('strata-position'))).toBeGreaterThanOrEqual(Number(position));

    stage.projections.heldAt = Number(position);
    const next = await place(7);
    const waiting = await get('/v1/boards/demo/pixels/1/1', { 'strata-min-position': next });
    expect(waiting).toMatchObject({ status: 503, body: { code: 'history.not-yet' } });
    stage.projections.heldAt = Number.POSITIVE_INFINITY;
    expect(await get('/v1/boards/demo/pixels/1/1', { 'strata-min-position': next })).toMatchObject({ status: 200 });
  });

  test('asOf takes a position, inclusive, which caches may keep for ever', async () => {
    const then = await get(`/v1/boards/demo/pixels/1/1?asOf=${first}`);
    expect(then.body).toMatchObject({ color: 5, position: first });
    expect(then.headers.get('strata-position')).toBe(first);
    expect(then.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect((await get(`/v1/boards/demo/pixels/1/1?asOf=${created}`)).body).toMatchObject({ color: 0, position: null });
    expect((await get('/v1/boards/demo?asOf=0')).status).toBe(404);
  });

  test('asOf takes a time or a duration back, and says which position that was', async () => {
    const past = await get('/v1/boards/demo?asOf=2001-01-01T00:00:00Z');
    expect(past.status).toBe(404);
    for (const when of [
      new Date(Date.now() + 60_000).toISOString(),
      '-PT0S',
      encodeURIComponent('2199-01-01T00:00:00+02:00'),
    ]) {
      const now = await get(`/v1/boards/demo?asOf=${when}`);
      expect(now.status).toBe(200);
      expect(now.headers.get('cache-control')).toBe('no-cache');
      expect(now.headers.get('content-location')).toBe(`/v1/boards/demo?asOf=${now.headers.get('strata-position')}`);
    }
    expect((await get('/v1/boards/demo?asOf=-P1DT2H3M')).status).toBe(404);
  });

  test('positions that cannot be are refused', async () => {
    const codes = async (asOf: string) => (await get(`/v1/boards/demo?asOf=${asOf}`)).body;
    expect(await codes('99999')).toMatchObject({ status: 400, code: 'history.future-position' });
    expect(await codes('e2.1')).toMatchObject({ status: 409, code: 'position.other-epoch' });
    for (const asOf of ['01', 'x', '', '-P', '-PT', '2001-01-01', '0:1,1:2', '2001-13-40T00:00:00Z']) {
      expect(await codes(asOf)).toMatchObject({ status: 400, code: 'position.malformed' });
    }
  });
});

describe('caching', () => {
  test('a tag that holds answers 304; a change answers anew, also from memory', async () => {
    const path = '/v1/boards/demo/pixels/1/1';
    const before = await get(path);
    const etag = before.headers.get('etag')!;
    expect(etag).toMatch(/^"\d+-v[\d.]+"$/);
    const same = await get(path, { 'if-none-match': etag });
    expect(same).toMatchObject({ status: 304, text: '' });
    expect(same.headers.get('etag')).toBe(etag);
    expect((await get(path, { 'if-none-match': `W/${etag}, "x"` })).status).toBe(304);

    await place(9);
    const after = await get(path, { 'if-none-match': etag });
    expect(after).toMatchObject({ status: 200, body: { color: 9 } });
    await stage.call('PUT', '/v1/boards/demo/pixels/5/5', { body: { color: 1 } });
    const unrelated = await get(path, { 'if-none-match': after.headers.get('etag')! });
    expect(unrelated.status).toBe(304);
    expect(unrelated.headers.get('strata-position')).toBe(String(stage.log.events.length));
  });

  test('public data says for how long; what belongs to someone is not kept', async () => {
    expect((await get('/v1/boards/demo.png')).headers.get('cache-control')).toBe('public, max-age=3');
    expect((await get('/v1/boards/demo')).headers.get('cache-control')).toBe('public, no-cache');
    const own = await get('/v1/accounts/acme', {}, ACME);
    expect(own.headers.get('cache-control')).toBe('private, no-cache');
    const then = await get(`/v1/accounts/acme?asOf=${own.headers.get('strata-position')}`, {}, ACME);
    expect(then.headers.get('cache-control')).toBe('private, no-cache');
  });

  test('an answer kept for one reader is not given to another', async () => {
    expect((await get('/v1/accounts/acme', {}, ACME)).status).toBe(200);
    expect((await get('/v1/accounts/acme', {}, ACME)).status).toBe(200);
    expect((await get('/v1/accounts/acme', {}, OTHER)).status).toBe(404);
    expect((await get('/v1/accounts/acme')).status).toBe(401);
  });
});

test('the picture and the board share an address up to its ending', async () => {
  const png = await get('/v1/boards/demo.png');
  expect(png.headers.get('content-type')).toBe('image/png');
  expect((await get('/v1/boards/demo')).body).toMatchObject({ board: 'demo', width: 10 });
  expect((await get('/v1/boards/demo.gif')).status).toBe(404);
});

test('HEAD answers the header alone, again and again on one connection', async () => {
  for (let at = 0; at < 3; at += 1) {
    const head = await stage.call('HEAD', '/v1/boards/demo', { key: null });
    const { text } = await get('/v1/boards/demo');
    expect(head).toMatchObject({ status: 200, text: '' });
    expect(head.headers.get('content-length')).toBe(String(text.length));
  }
});

test('the query string is checked', async () => {
  expect((await get('/v1/boards?limit=1')).status).toBe(200);
  for (const query of ['limit=0', 'limit=1&limit=2', 'colour=1', 'limit=x']) {
    expect(await get(`/v1/boards?${query}`)).toMatchObject({ status: 400, body: { code: 'request.invalid' } });
  }
});

describe('the log', () => {
  const log = (query: string, headers: { [name: string]: string } = {}) =>
    stage.call('GET', `/v1/events?${query}`, { headers });

  test('is listed in pages that end where the first one saw the end', async () => {
    const page = await log('limit=2');
    expect(page.body.items).toHaveLength(2);
    expect(page.body.items[0]).toEqual({
      id: expect.any(String),
      type: 'BoardCreated',
      version: 1,
      stream: 'board-demo',
      revision: 0,
      position: '1',
      at: expect.any(String),
      recordedAt: expect.any(String),
      actor: 'admin',
      causation: null,
      data: expect.objectContaining({ board: 'demo', width: 10 }),
    });
    const end = stage.log.events.length;
    await place(3);
    const seen = [...page.body.items];
    for (let next = page.body.next; next !== null; ) {
      const more = await log(`limit=2&cursor=${next}`);
      seen.push(...more.body.items);
      next = more.body.next;
    }
    expect(seen.map(({ position }) => Number(position))).toEqual(Array.from({ length: end }, (_, at) => at + 1));
    const rest = await log(`after=${end}`);
    expect(rest.body).toMatchObject({ items: [{ type: 'PixelPlaced', position: String(end + 1) }], next: null });
  });

  test('is filtered by stream and type', async () => {
    const opened = await log('type=AccountOpened');
    expect(opened.body.items.map((event: { stream: string }) => event.stream)).toEqual([
      'account-acme',
      'account-other',
    ]);
    const tile = await log(`stream=tile-demo-0-0&after=${first}&limit=1`);
    expect(tile.body.items[0]).toMatchObject({ stream: 'tile-demo-0-0', revision: 1 });
    const stream = await stage.call('GET', '/v1/streams/account-acme');
    expect(stream.body.items).toHaveLength(1);
    expect(await stage.call('GET', '/v1/streams/none')).toMatchObject({
      status: 404,
      body: { code: 'stream.unknown' },
    });
  });

  test('is streamed as lines when asked for', async () => {
    const accept = { accept: 'application/x-ndjson' };
    const lines = await log('', accept);
    expect(lines.headers.get('content-type')).toBe('application/x-ndjson');
    const events = lines.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.map(({ position }) => Number(position))).toEqual(stage.log.events.map(({ offset }) => offset));
    expect((await log('limit=3', accept)).text.trimEnd().split('\n')).toHaveLength(3);
    expect(await log('after=99999', accept)).toMatchObject({ status: 400, body: { code: 'history.future-position' } });
  });

  test('refuses cursors and positions that it did not give', async () => {
    expect(await log('cursor=nonsense')).toMatchObject({ status: 400, body: { code: 'history.cursor' } });
    expect(await log('after=99999')).toMatchObject({ status: 400, body: { code: 'history.future-position' } });
    expect(await log('limit=1001')).toMatchObject({ status: 400, body: { code: 'request.invalid' } });
    expect(await stage.call('GET', '/v1/events', { key: null })).toMatchObject({ status: 401 });
  });
});

test('a large log is streamed to a client that reads slowly, without being gathered', async () => {
  const board = (x: number) => ({ type: 'PlacePixel', data: { board: 'demo', x, y: 0, color: 1 } });
  for (let round = 0; round < 20; round += 1) {
    await stage.call('POST', '/v1/commands', { body: Array.from({ length: 1000 }, (_, at) => board(at % 10)) });
  }
  const response = await fetch(`${stage.url}/v1/events`, {
    headers: { authorization: 'Bearer the-admin-key', accept: 'application/x-ndjson' },
  });
  let newlines = 0;
  for await (const chunk of response.body!) {
    newlines += Buffer.from(chunk).filter((byte) => byte === 10).length;
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(newlines).toBe(stage.log.events.length);
});

describe('operations', () => {
  test('health and readiness', async () => {
    expect((await get('/healthz')).body).toEqual({ ok: true });
    expect((await get('/readyz')).body).toMatchObject({ ready: true, problems: [] });
  });

  test('the OpenAPI document names every route, with its shapes', async () => {
    const { body } = await get('/v1/openapi.json');
    expect(body.openapi).toBe('3.1.0');
    expect(body.components.securitySchemes.key).toEqual({ type: 'http', scheme: 'bearer' });
    const put = body.paths['/v1/boards/{board}/pixels/{x}/{y}'].put;
    expect(put.requestBody.content['application/json'].schema).toMatchObject({
      properties: { color: { type: 'integer' } },
      required: ['color'],
      additionalProperties: false,
    });
    expect(put.parameters[1]).toEqual({ name: 'x', in: 'path', required: true, schema: { type: 'integer' } });
    expect(body.paths['/v1/photos'].post.requestBody.content).toHaveProperty('image/jpeg');
    expect(body.paths['/v1/boards/{board}.png'].get.responses['200'].content).toHaveProperty('image/png');
    const ids = Object.values<Record<string, { operationId?: string }>>(body.paths).flatMap((path) =>
      Object.values(path).flatMap(({ operationId }) => operationId ?? []),
    );
    expect(new Set(ids).size).toBe(ids.length);
  });
});
