import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { type BoardFrame, readBoardFrame } from '#live/board-frame.ts';
import { ACME, ADMIN, type Body, OTHER, Stage } from './http-stage.ts';

const stage = new Stage();
beforeAll(async () => {
  await stage.open();
  await stage.call('PUT', '/v1/boards/demo', { body: { width: 1000, height: 1000 } });
  await stage.call('POST', '/v1/accounts', { body: { account: 'acme', contact: 'me@example.org' } });
  await stage.call('POST', '/v1/accounts', { body: { account: 'other' } });
});
afterAll(() => stage.close());

type Heard = { readonly frame: BoardFrame } | { readonly json: Body };

/** A client that keeps all that it hears. */
class Listener {
  readonly heard: Heard[] = [];
  closed: { code: number; reason: string } | null = null;
  readonly socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer, binary) => {
      this.heard.push(binary ? { frame: readBoardFrame(data)! } : { json: JSON.parse(String(data)) });
    });
    socket.on('close', (code, reason) => {
      this.closed = { code, reason: String(reason) };
    });
  }

  static async open(key: string | null = ADMIN, protocols: string[] = []): Promise<Listener> {
    const headers = key === null ? {} : { authorization: `Bearer ${key}` };
    const socket = new WebSocket(`${stage.url.replace('http', 'ws')}/v1/live`, protocols, { headers });
    const listener = new Listener(socket);
    await new Promise((resolve, reject) => {
      socket.on('open', resolve);
      socket.on('error', reject);
    });
    return listener;
  }

  send(message: object): void {
    this.socket.send(JSON.stringify(message));
  }

  json(op: string): Body[] {
    return this.heard.flatMap((heard) => ('json' in heard && heard.json.op === op ? [heard.json] : []));
  }

  frames(): BoardFrame[] {
    return this.heard.flatMap((heard) => ('frame' in heard ? [heard.frame] : []));
  }

  /** Waits until it holds. */
  async until(holds: () => boolean): Promise<void> {
    await expect.poll(holds, { timeout: 5000, interval: 5 }).toBe(true);
  }

  async subscribe(topic: string, after?: string): Promise<Body> {
    const before = this.json('subscribed').length;
    this.send({ op: 'subscribe', topic, ...(after !== undefined && { after }) });
    await this.until(() => this.json('subscribed').length > before || this.json('error').length > 0);
    return this.json('subscribed').at(-1);
  }
}

const head = () => String(stage.log.events.length);
const place = (x: number, y: number, color: number) =>
  stage.call('PUT', `/v1/boards/demo/pixels/${x}/${y}`, { body: { color } });
const placeMany = (count: number) =>
  stage.call('POST', '/v1/commands', {
    body: Array.from({ length: count }, (_, at) => ({
      type: 'PlacePixel',
      data: { board: 'demo', x: at % 1000, y: Math.floor(at / 1000), color: at % 16 },
    })),
  });

describe('boards', () => {
  test('send the pixels placed from the position told on, in frames', async () => {
    const listener = await Listener.open(null);
    const subscribed = await listener.subscribe('boards/demo');
    expect(subscribed).toEqual({ op: 'subscribed', topic: 'boards/demo', position: head(), recovered: false });
    await place(3, 4, 5);
    await place(600, 300, 6);
    await listener.until(() => listener.frames().flatMap(({ pixels }) => pixels).length === 2);
    expect(listener.frames().flatMap(({ pixels }) => pixels)).toEqual([
      { x: 3, y: 4, color: 5 },
      { x: 600, y: 300, color: 6 },
    ]);
    expect(listener.frames()[0]).toMatchObject({ board: 'demo', after: subscribed.position });
    expect(listener.frames().at(-1)!.position).toBe(head());
    listener.socket.close();
  });

  test('gather what comes at once into few frames', async () => {
    const listener = await Listener.open(null);
    await listener.subscribe('boards/demo');
    await placeMany(1000);
    await listener.until(() => listener.frames().flatMap(({ pixels }) => pixels).length === 1000);
    expect(listener.frames().length).toBeLessThan(20);
    listener.socket.close();
  });

  test('replay what was missed, then go on: no gap, no duplicate, while pixels are placed all the time', async () => {
    let placing = true;
    const placed = (async () => {
      while (placing) await placeMany(97);
    })();
    const listeners = await Promise.all(
      Array.from({ length: 8 }, async (_, at) => {
        const listener = await Listener.open(null);
        const after = String(Math.max(1, stage.log.events.length - at * 200));
        const subscribed = await listener.subscribe('boards/demo', after);
        expect(subscribed).toMatchObject({ position: after, recovered: true });
        return { listener, after: Number(after) };
      }),
    );
    await listeners[0]!.listener.until(() => listeners[0]!.listener.frames().length > 10);
    placing = false;
    await placed;
    for (const { listener, after } of listeners) {
      await listener.until(() => listener.frames().at(-1)?.position === head());
      const expected = stage.log.events.filter(({ offset, type }) => offset > after && type === 'PixelPlaced');
      // A frame groups by tile; all of these lie in few tiles, so compare the pixels of each tile in order.
      const tile = ({ x, y }: { x: number; y: number }) => `${x >> 8}/${y >> 8}`;
      const byTile = (pixels: readonly { x: number; y: number; color: number }[]) =>
        Object.fromEntries(Map.groupBy(pixels, tile));
      const got = byTile(listener.frames().flatMap(({ pixels }) => [...pixels]));
      const wanted = byTile(
        expected.map(({ data: { x, y, color } }) => ({ x: Number(x), y: Number(y), color: Number(color) })),
      );
      expect(got).toEqual(wanted);
      let position = after;
      for (const frame of listener.frames()) {
        expect(Number(frame.after)).toBeLessThanOrEqual(position);
        expect(Number(frame.position)).toBeGreaterThan(position);
        position = Number(frame.position);
      }
      listener.socket.close();
    }
  });

  test('too much to replay is said, and the topic is live from now', async () => {
    for (let round = 0; round < 51; round += 1) await placeMany(1000);
    const listener = await Listener.open(null);
    const subscribed = await listener.subscribe('boards/demo', '1');
    expect(subscribed).toMatchObject({ recovered: false, position: head() });
    expect(await listener.subscribe('boards/demo', '999999999')).toMatchObject({ recovered: false });
    expect(await listener.subscribe('boards/demo', 'e7.1')).toMatchObject({ recovered: false });
    await place(1, 1, 1);
    await listener.until(() => listener.frames().length === 1);
    listener.socket.close();
  });
});

describe('events', () => {
  test('arrive as they stand in the log, and are replayed', async () => {
    const after = head();
    const position = (await stage.call('POST', '/v1/accounts/acme/grants', { body: { amount: 10 } })).body.position;
    const listener = await Listener.open();
    expect(await listener.subscribe('events', after)).toEqual({
      op: 'subscribed',
      topic: 'events',
      position: after,
      recovered: true,
    });
    await place(9, 9, 9);
    await listener.until(() => listener.json('event').length === 2);
    const [granted, placed] = listener.json('event');
    expect(granted).toMatchObject({ topic: 'events', position, event: { type: 'CreditsGranted', position } });
    const listed = await stage.call('GET', `/v1/events?after=${after}`);
    expect([granted.event, placed.event]).toEqual(listed.body.items);
    listener.socket.close();
  });

  test('of an account go to its key and to the admin, with personal fields open', async () => {
    const [own, admin, other] = [await Listener.open(ACME), await Listener.open(), await Listener.open(OTHER)];
    await own.subscribe('accounts/acme', '0');
    await admin.subscribe('accounts/acme');
    await other.subscribe('accounts/acme');
    expect(other.json('error')).toMatchObject([{ code: 'live.unknown-topic', topic: 'accounts/acme' }]);
    await own.until(
      () => own.json('event').length > 0 || own.json('error').length > 0 || own.json('subscribed').length > 0,
    );
    await stage.call('POST', '/v1/accounts/acme/grants', { body: { amount: 1 } });
    await stage.call('POST', '/v1/accounts/other/grants', { body: { amount: 1 } });
    await admin.until(() => admin.json('event').length === 1);
    expect(admin.json('event')[0]).toMatchObject({ topic: 'accounts/acme', event: { stream: 'account-acme' } });
    expect(other.json('event')).toEqual([]);
    for (const { socket } of [own, admin, other]) socket.close();
  });

  test('of photos go to the library that they belong to, edits too', async () => {
    const photo = { sha256: 'a'.repeat(64), bytes: 1, mediaType: 'image/png', width: 1, height: 1 };
    const nothing = { takenAt: null, location: null, exif: null, fileName: 'secret.png' };
    const add = await stage.call('POST', '/v1/commands', {
      body: { type: 'AddPhoto', data: { library: 'acme', ...photo, ...nothing } },
    });
    const id = add.body.events[0].data.photo;
    const [own, other, admin] = [await Listener.open(ACME), await Listener.open(OTHER), await Listener.open()];
    for (const listener of [own, other, admin]) await listener.subscribe('photos');
    await stage.call('PATCH', `/v1/photos/${id}`, { body: { set: { title: 'Peaks' } } });
    await admin.until(() => admin.json('event').length === 1);
    await own.until(() => own.json('event').length === 1);
    expect(own.json('event')[0]).toMatchObject({ topic: 'photos', event: { data: { title: 'Peaks' } } });
    expect(own.json('event')).toEqual(admin.json('event'));
    await own.subscribe('photos', String(Number(add.body.position) - 1));
    await own.until(() => own.json('event').length === 3);
    expect(own.json('event').map(({ event }) => event.type)).toEqual(['PhotoEdited', 'PhotoAdded', 'PhotoEdited']);
    expect(other.json('event')).toEqual([]);
    for (const { socket } of [own, other, admin]) socket.close();
  });

  test('a board made known comes as JSON on its topic, in the order of its pixels', async () => {
    const listener = await Listener.open(null);
    await listener.subscribe('boards/later');
    await stage.call('POST', '/v1/commands', {
      body: [
        { type: 'CreateBoard', data: { board: 'later', width: 9, height: 9 } },
        { type: 'PlacePixel', data: { board: 'later', x: 1, y: 1, color: 1 } },
      ],
    });
    await listener.until(() => listener.frames().length === 1);
    const [, event, frame] = listener.heard;
    expect(event).toMatchObject({ json: { op: 'event', topic: 'boards/later', event: { type: 'BoardCreated' } } });
    expect(frame).toMatchObject({ frame: { board: 'later', pixels: [{ x: 1, y: 1, color: 1 }] } });
    listener.socket.close();
  });
});

describe('a connection', () => {
  test('may send its key in a message, or as a subprotocol', async () => {
    const listener = await Listener.open(null);
    listener.send({ op: 'subscribe', topic: 'accounts/acme' });
    await listener.until(() => listener.json('error').length === 1);
    expect(listener.json('error')[0]).toMatchObject({ code: 'auth.required', status: 401 });
    listener.send({ op: 'auth', key: 'wrong' });
    await listener.until(() => listener.json('error').length === 2);
    listener.send({ op: 'auth', key: ACME });
    await listener.until(() => listener.json('authenticated').length === 1);
    listener.send({ op: 'subscribe', topic: 'accounts/acme' });
    await listener.until(() => listener.json('subscribed').length === 1);
    listener.socket.close();

    const browser = await Listener.open(null, ['strata.v1', `strata.key.${ACME}`]);
    expect(browser.socket.protocol).toBe('strata.v1');
    expect(await browser.subscribe('accounts/acme')).toMatchObject({ topic: 'accounts/acme' });
    browser.socket.close();
    await expect(Listener.open('wrong')).rejects.toThrow('401');
  });

  test('says pong, and forgets what is unsubscribed', async () => {
    const listener = await Listener.open();
    await listener.subscribe('events');
    listener.send({ op: 'unsubscribe', topic: 'events' });
    await listener.until(() => listener.json('unsubscribed').length === 1);
    await place(2, 2, 2);
    listener.send({ op: 'ping' });
    await listener.until(() => listener.json('pong').length === 1);
    expect(listener.json('event')).toEqual([]);
    expect(listener.json('pong')[0].position).toMatch(/^\d+$/);
    listener.socket.close();
  });

  test('is told what it said wrongly', async () => {
    const listener = await Listener.open();
    const wrong = [
      '{',
      '[]',
      '{"op":"dance"}',
      '{"op":"subscribe"}',
      '{"op":"ping","x":1}',
      '{"op":"ping","op":"ping"}',
    ];
    for (const text of wrong) listener.socket.send(text);
    listener.socket.send(Buffer.from([1]));
    await listener.until(() => listener.json('error').length === wrong.length + 1);
    expect(new Set(listener.json('error').map(({ code }) => code))).toEqual(new Set(['live.malformed']));
    for (const topic of ['boards/', 'boards/X', 'nothing', 'photos/acme', '']) {
      listener.send({ op: 'subscribe', topic });
    }
    await listener.until(() => listener.json('error').length === wrong.length + 6);
    expect(
      listener
        .json('error')
        .slice(-5)
        .map(({ code }) => code),
    ).toEqual(Array(5).fill('live.unknown-topic'));
    expect((await stage.call('GET', '/v1/live')).status).toBe(400);
    listener.socket.close();
  });

  test('ends when its key is revoked', async () => {
    const listener = await Listener.open(OTHER);
    await listener.subscribe('accounts/other');
    stage.revoked.add(OTHER);
    await expect.poll(() => listener.closed, { timeout: 2000, interval: 20 }).toMatchObject({ code: 4401 });
    stage.revoked.delete(OTHER);
  });

  test('that does not keep up is told where it stood and closed; going on from there misses nothing', async () => {
    const slow = await Listener.open();
    const subscribed = await slow.subscribe('events');
    slow.socket.pause();
    const start = Number(subscribed.position);
    // Far more than the buffers of both sides hold.
    for (let round = 0; round < 60; round += 1) await placeMany(1000);
    slow.socket.resume();
    await expect.poll(() => slow.closed, { timeout: 5000 }).toMatchObject({ code: 4408 });
    const { code, position } = JSON.parse(slow.closed!.reason);
    expect(code).toBe('live.too-slow');
    const got = slow.json('event').map((message) => Number(message.position));
    expect(got).toEqual(Array.from({ length: got.length }, (_, at) => start + 1 + at));
    expect(Number(position)).toBe(got.at(-1));
    expect(got.length).toBeLessThan(60_000);
  });
});

test('a server that closes tells its clients to come again', async () => {
  const brief = await new Stage().open();
  const socket = new WebSocket(`${brief.url.replace('http', 'ws')}/v1/live`);
  await new Promise((resolve) => socket.on('open', resolve));
  const closed = new Promise((resolve) => socket.on('close', (code) => resolve(code)));
  await brief.close();
  expect(await closed).toBe(1012);
});
