import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { readBoardFrame } from '#live/board-frame.ts';
import { ADMIN_KEY, type Answered, type ServerFixture } from '../integration/server-fixture.ts';

/** What is heard over WebSocket, on whatever engines the server runs. */
export function liveSuite(strata: ServerFixture): void {
  beforeAll(() => strata.start().then(() => undefined));
  afterAll(() => strata.stop());

  type Watcher = { readonly socket: WebSocket; readonly pixels: string[]; readonly heard: Answered[]; closed: number };

  function watch(...topics: readonly { topic: string; after?: string }[]): Promise<Watcher> {
    return watchAs(ADMIN_KEY, ...topics);
  }

  async function watchAs(key: string, ...topics: readonly { topic: string; after?: string }[]): Promise<Watcher> {
    const socket = new WebSocket(`${strata.url.replace('http', 'ws')}/v1/live`, {
      headers: { authorization: `Bearer ${key}` },
    });
    const watcher: Watcher = { socket, pixels: [], heard: [], closed: 0 };
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) watcher.pixels.push(...readBoardFrame(data)!.pixels.map(({ x, y, color }) => `${x},${y}=${color}`));
      else watcher.heard.push(JSON.parse(String(data)));
    });
    socket.on('close', (code) => {
      watcher.closed = code;
    });
    await new Promise((resolve) => socket.on('open', resolve));
    for (const { topic, after } of topics) socket.send(JSON.stringify({ op: 'subscribe', topic, after }));
    await expect.poll(() => watcher.heard.filter(({ op }) => op === 'subscribed').length).toBe(topics.length);
    return watcher;
  }

  const place = (x: number) => strata.call('PUT', `/v1/boards/live/pixels/${x}/0`, { color: x % 16 });

  test('what a real log holds is replayed, then live, over a restart of the server too', async () => {
    await strata.call('PUT', '/v1/boards/live', { width: 100, height: 10 });
    const start = (await place(0)).body.position;
    const first = await watch({ topic: 'boards/live', after: start }, { topic: 'events', after: start });
    for (let x = 1; x < 20; x += 1) await place(x);
    await expect.poll(() => first.pixels.length).toBe(19);

    await strata.restart();
    await expect.poll(() => first.closed).toBe(1012);
    const second = await watch({ topic: 'boards/live', after: start }, { topic: 'events', after: start });
    for (let x = 20; x < 30; x += 1) await place(x);
    await expect.poll(() => second.pixels.length).toBe(29);
    expect(second.pixels).toEqual(Array.from({ length: 29 }, (_, at) => `${at + 1},0=${(at + 1) % 16}`));

    const events = (watcher: Watcher) => watcher.heard.flatMap(({ op, event }) => (op === 'event' ? [event] : []));
    await expect.poll(() => events(second).length).toBe(29);
    expect(events(second).slice(0, 19)).toEqual(events(first));
    const listed = await strata.read(`/v1/events?after=${start}`);
    expect(events(second)).toEqual(listed.body.items);
    second.socket.close();
  });

  test('an album is heard of by its library and by the admin, and by nobody else', async () => {
    for (const account of ['acme', 'other']) await strata.call('POST', '/v1/accounts', { account });
    const [acme, other] = await Promise.all(['acme', 'other'].map((account) => strata.keyOf(account)));
    const created = await strata.call('POST', '/v1/albums', { title: 'Summer' }, { Authorization: `Bearer ${acme}` });
    const topic = `albums/${created.body.album}`;
    const admin = await watch({ topic });
    const owner = await watchAs(acme!, { topic });
    const stranger = await watchAs(other!, { topic }, { topic: 'accounts/other' });
    await strata.call('PATCH', `/v1/albums/${created.body.album}`, { title: 'Winter' });
    await strata.keyOf('other');
    const events = ({ heard }: Watcher) => heard.flatMap(({ op, event }) => (op === 'event' ? [event] : []));
    await expect.poll(() => [admin, owner, stranger].map((watcher) => events(watcher).length)).toEqual([1, 1, 1]);
    for (const watcher of [admin, owner]) {
      expect(events(watcher)).toMatchObject([{ type: 'AlbumRenamed', data: { title: 'Winter' } }]);
    }
    expect(events(stranger)).toMatchObject([{ type: 'KeyIssued' }]);
    for (const { socket } of [admin, owner, stranger]) socket.close();
  });
}
