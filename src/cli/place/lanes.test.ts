import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { StrataClient } from '../client.ts';
import { Lanes } from './lanes.ts';

type Item = { idempotencyKey: string; data: { x: number; y: number; color: number } };

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** A server that answers each array with what `answer` makes of it. */
async function clientOf(answer: (items: Item[]) => { status: number; body: unknown }): Promise<StrataClient> {
  server = createServer(async (request, response) => {
    const { status, body } = answer((await json(request)) as Item[]);
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  return new StrataClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, key: 'k' });
}

const accepted = { position: '1' };
const busy = { status: 503, code: 'server.busy', title: '', detail: 'later' };

async function draw(client: StrataClient, colours: readonly number[], side: number): Promise<number> {
  let placed = 0;
  const lanes = new Lanes(client, 'demo', 3, (positions) => {
    placed += positions.length;
  });
  for (const [line, color] of colours.entries()) {
    const place = { x: (line * 300) % side, y: 0, color, idempotencyKey: `k${line}`, source: `f:${line}` };
    await lanes.add(place);
  }
  await lanes.finish();
  return placed;
}

test('whatever is refused for now and sent again, each place ends with its last colour', async () => {
  const board = new Map<number, number>();
  const seen = new Set<string>();
  let requests = 0;
  const client = await clientOf((items) => {
    requests += 1;
    if (requests % 5 === 3) return { status: 503, body: busy };
    const results = items.map((item, at) => {
      if (at % 7 === 2 && requests % 2 === 0) return busy;
      if (!seen.has(item.idempotencyKey)) board.set(item.data.x, item.data.color);
      seen.add(item.idempotencyKey);
      return accepted;
    });
    return { status: 200, body: { results } };
  });
  const colours = Array.from({ length: 120 }, (_, at) => at);
  expect(await draw(client, colours, 3_000)).toBe(120);
  expect(seen.size).toBe(120);
  expect([...board].sort(([a], [b]) => a - b)).toEqual(Array.from({ length: 10 }, (_, at) => [at * 300, 110 + at]));
});

test('a refusal ends the import with the row it came from', async () => {
  const refusal = { status: 422, code: 'board.outside', title: '', detail: 'no such place' };
  const client = await clientOf((items) => ({ status: 200, body: { results: items.map(() => refusal) } }));
  await expect(draw(client, [1, 2], 3_000)).rejects.toThrow('f:0: no such place (422 board.outside)');
});

test('arrays have at most 1,000 items', async () => {
  const sizes: number[] = [];
  const client = await clientOf((items) => {
    sizes.push(items.length);
    return { status: 200, body: { results: items.map(() => accepted) } };
  });
  const lanes = new Lanes(client, 'demo', 1, () => {});
  for (let at = 0; at < 2_500; at += 1) {
    await lanes.add({ x: at % 250, y: Math.floor(at / 250), color: 1, idempotencyKey: `${at}`, source: '' });
  }
  await lanes.finish();
  expect(sizes).toEqual([1_000, 1_000, 500]);
});
