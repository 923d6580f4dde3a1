import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { readBoardFrame } from '#live/board-frame.ts';
import { type Answered, ServerFixture } from './server-fixture.ts';

const strata = new ServerFixture();
const NOBODY = { Authorization: '' };
let acme: { Authorization: string };

beforeAll(async () => {
  await strata.start();
  await strata.call('POST', '/v1/accounts', { account: 'acme' });
  acme = { Authorization: `Bearer ${await strata.keyOf('acme')}` };
});
afterAll(() => strata.stop());

async function board(name: string, cooldownSeconds = 0): Promise<string> {
  const created = await strata.call('PUT', `/v1/boards/${name}`, { width: 300, height: 270, cooldownSeconds });
  return created.body.position;
}

async function place(name: string, x: number, y: number, color: number, headers = {}): Promise<string> {
  return (await strata.call('PUT', `/v1/boards/${name}/pixels/${x}/${y}`, { color }, headers)).body.position;
}

async function bitmap(name: string, position: string): Promise<Buffer> {
  return (await strata.read(`/v1/boards/${name}/bitmap`, position)).body;
}

test('the history of a pixel and what differs between two positions are there for everyone', async () => {
  const created = await board('told');
  const first = await place('told', 299, 269, 5);
  const second = await place('told', 299, 269, 7, acme);
  await place('told', 0, 0, 3);
  const last = await place('told', 0, 0, 0);

  const path = '/v1/boards/told/pixels/299/269/history';
  const history = await strata.read(path, last, NOBODY);
  expect(history.headers.get('cache-control')).toContain('public');
  expect(history.body).toMatchObject({
    items: [
      { position: second, revision: 1, type: 'PixelPlaced', actor: 'account:acme', value: { color: 7 } },
      { position: first, revision: 0, type: 'PixelPlaced', actor: 'admin', value: { color: 5 } },
    ],
    next: null,
  });
  const then = await strata.read(`${path}?asOf=${first}`, last, NOBODY);
  expect(then.body.items).toMatchObject([{ position: first }]);

  const diff = `/v1/diff?in=boards/told&from=${created}`;
  const changed = { x: 299, y: 269, before: 0, after: 7, position: second, actor: 'account:acme' };
  expect((await strata.read(diff, last, NOBODY)).body.items).toEqual([changed]);
  expect((await strata.read(`${diff}&to=${first}`, last, NOBODY)).body.items).toMatchObject([{ after: 5 }]);
  expect((await strata.read(`${diff}&summary=true`, last, NOBODY)).body).toMatchObject({ changed: 1 });
  expect((await strata.read(`${diff}&prefix=2`, last, NOBODY)).body).toMatchObject({ code: 'request.invalid' });
  const picture = await strata.read(`${diff}&format=png`, last, NOBODY);
  expect(await sharp(picture.body).metadata()).toMatchObject({ format: 'png', width: 300, height: 270 });
});

test('a region has its colours of then again, in all of its tiles, and another revert undoes that', async () => {
  await board('wall');
  const inside = [[250, 250, 1] as const, [260, 250, 2] as const, [250, 260, 3] as const, [260, 260, 4] as const];
  for (const [x, y, color] of inside) await place('wall', x, y, color);
  const then = await place('wall', 0, 0, 9);
  for (const [x, y] of inside) await place('wall', x, y, 15);
  await place('wall', 255, 255, 14, acme);
  const before = await place('wall', 0, 0, 10);
  const drawn = await bitmap('wall', before);

  const path = '/v1/boards/wall/revert';
  const region = { x: 240, y: 240, width: 30, height: 30 };
  const key = { 'Idempotency-Key': 'back' };
  const reverted = await strata.call('POST', path, { to: then, ...region }, key);
  expect(reverted.body).toEqual({ position: expect.any(String), pixels: 5, tiles: 4 });
  const at = reverted.body.position;
  const pixel = async (x: number, y: number) => (await strata.read(`/v1/boards/wall/pixels/${x}/${y}`, at)).body;
  for (const [x, y, color] of inside) expect(await pixel(x, y)).toMatchObject({ color, actor: 'admin' });
  expect(await pixel(255, 255)).toMatchObject({ color: 0 });
  expect(await pixel(0, 0)).toMatchObject({ color: 10 });
  const { items } = (await strata.read('/v1/events?type=PixelsReverted', at)).body;
  expect(items.map((event: Answered) => event.data.to)).toEqual([then, then, then, then]);

  await place('wall', 250, 250, 12);
  const again = await strata.call('POST', path, { to: then, ...region }, key);
  expect(again.body).toMatchObject({ pixels: 5, tiles: 4 });
  expect((await strata.read('/v1/boards/wall/pixels/250/250', again.body.position)).body.color).toBe(12);

  const undone = await strata.call('POST', path, { to: before });
  expect(undone.body).toMatchObject({ pixels: 5, tiles: 4 });
  expect(await bitmap('wall', undone.body.position)).toEqual(drawn);
  const nothing = await strata.call('POST', path, { to: before });
  expect(nothing.body).toMatchObject({ pixels: 0, tiles: 0 });

  await strata.restart();
  expect(await bitmap('wall', undone.body.position)).toEqual(drawn);
  expect((await strata.read(`/v1/boards/wall/pixels/250/250?asOf=${at}`)).body.color).toBe(1);
});

test('what a revert is refused for', async () => {
  const unborn = await place('wall', 1, 1, 1);
  await board('late', 3600);
  const to = await place('late', 1, 1, 1);
  const refusals = [
    ['late', { to: '999999' }, {}, 400, 'history.future-position'],
    ['late', { to: unborn }, {}, 422, 'history.nothing-then'],
    ['none', { to }, {}, 404, 'board.unknown'],
    ['late', { to, x: 300 }, {}, 422, 'board.outside'],
    ['late', { to, x: 200, width: 101 }, {}, 422, 'board.outside'],
    ['late', { to, height: 271 }, {}, 422, 'board.outside'],
    ['late', { to, width: 0 }, {}, 400, 'request.invalid'],
    ['late', { to, x: -1 }, {}, 400, 'request.invalid'],
    ['late', { to, color: 1 }, {}, 400, 'request.invalid'],
    ['late', {}, {}, 400, 'request.invalid'],
    ['late', { to }, acme, 403, 'auth.forbidden'],
    ['late', { to }, NOBODY, 401, 'auth.required'],
  ] as const;
  for (const [name, body, headers, status, code] of refusals) {
    const answer = await strata.call('POST', `/v1/boards/${name}/revert`, body, headers);
    expect([answer.status, answer.body.code], JSON.stringify(body)).toEqual([status, code]);
  }
  const data = { board: 'late', left: 0, top: 0, to, pixels: 'AAAA' };
  const sent = await strata.call('POST', '/v1/commands', { type: 'RevertPixels', data });
  expect(sent.body.code).toBe('auth.forbidden');
});

test('who watches a board is sent what a revert changed, live and replayed', async () => {
  await board('watched');
  const start = await place('watched', 1, 1, 1);
  await place('watched', 2, 2, 2);
  await place('watched', 257, 1, 3);
  const before = await bitmap('watched', await place('watched', 1, 1, 4));
  const live = await watch('watched', undefined);
  const { body } = await strata.call('POST', '/v1/boards/watched/revert', { to: start });
  expect(body).toMatchObject({ pixels: 3, tiles: 2 });
  await expect
    .poll(() => [...live.colors])
    .toEqual([
      ['1,1', 1],
      ['2,2', 0],
      ['257,1', 0],
    ]);
  live.socket.close();

  const replayed = await watch('watched', start);
  await expect
    .poll(() => [...replayed.colors].sort())
    .toEqual([
      ['1,1', 1],
      ['2,2', 0],
      ['257,1', 0],
    ]);
  const undone = await strata.call('POST', '/v1/boards/watched/revert', { to: String(Number(body.position) - 2) });
  expect(undone.body).toMatchObject({ pixels: 3, tiles: 2 });
  await expect.poll(() => replayed.colors.get('257,1')).toBe(3);
  expect(await bitmap('watched', undone.body.position)).toEqual(before);
  replayed.socket.close();
});

test('a revert of more pixels than a frame waits for is sent whole, live and replayed', async () => {
  const [width, height] = [128, 100];
  const created = (await strata.call('PUT', '/v1/boards/crowded', { width, height })).body.position;
  const places = Array.from({ length: width * height }, (_, at) => ({ x: at % width, y: Math.floor(at / width) }));
  const commands = places.map((place) => ({ type: 'PlacePixel', data: { board: 'crowded', ...place, color: 5 } }));
  for (let at = 0; at < commands.length; at += 1_000) {
    const { status } = await strata.call('POST', '/v1/commands', commands.slice(at, at + 1_000));
    expect(status).toBe(200);
  }
  const live = await watch('crowded', undefined);
  const { body } = await strata.call('POST', '/v1/boards/crowded/revert', { to: created });
  expect(body).toMatchObject({ pixels: width * height, tiles: 1 });
  await expect.poll(() => live.colors.size).toBe(width * height);
  expect(new Set(live.colors.values())).toEqual(new Set([0]));
  live.socket.close();

  const replayed = await watch('crowded', created);
  await expect.poll(() => replayed.colors.size).toBe(width * height);
  await expect.poll(() => new Set(replayed.colors.values())).toEqual(new Set([0]));
  replayed.socket.close();
  const pixel = `/v1/boards/crowded/pixels/${width - 1}/${height - 1}/history`;
  expect((await strata.read(pixel, body.position)).body.items).toMatchObject([
    { type: 'PixelsReverted', value: { color: 0 } },
    { type: 'PixelPlaced', value: { color: 5 } },
  ]);
  const diff = `/v1/diff?in=boards/crowded&from=${Number(body.position) - 1}&limit=1000`;
  expect((await strata.read(diff, body.position)).body.items).toHaveLength(1_000);
});

async function watch(name: string, after: string | undefined) {
  const socket = new WebSocket(`${strata.url.replace('http', 'ws')}/v1/live`);
  const colors = new Map<string, number>();
  let isSubscribed = false;
  socket.on('message', (data: Buffer, isBinary) => {
    if (!isBinary) isSubscribed = true;
    else for (const { x, y, color } of readBoardFrame(data)!.pixels) colors.set(`${x},${y}`, color);
  });
  await new Promise((resolve) => socket.on('open', resolve));
  socket.send(JSON.stringify({ op: 'subscribe', topic: `boards/${name}`, after }));
  await expect.poll(() => isSubscribed).toBe(true);
  return { socket, colors };
}
