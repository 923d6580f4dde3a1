import { connect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { Exchange } from '#http/exchange.ts';
import { Router } from '#http/router.ts';
import { createApp, listen } from '#http/uws.ts';

const close: (() => void)[] = [];
afterEach(() => {
  for (const end of close.splice(0)) end();
});

/** Serves one body at `/body`. */
async function serve(body: string | Uint8Array): Promise<{ port: number; router: Router }> {
  const app = createApp();
  const router = new Router(
    () => false,
    () => undefined,
  );
  router.add('GET', '/body', (exchange) => exchange.send(200, 'text/plain', body, []));
  router.add('GET', '/later', (exchange) => {
    setImmediate(() => exchange.send(200, 'text/plain', body, []));
  });
  router.install(app);
  const listening = (await listen(app, '127.0.0.1', 0))!;
  close.push(() => {
    listening.stop();
    app.close();
  });
  return { port: listening.port, router };
}

const large = Buffer.alloc(24 * 1024 * 1024, 'a large body, larger than what a socket takes at once. ');

test.each(['/body', '/later'])('a large body reaches a client that pauses, whole and in order: %s', async (path) => {
  const { port, router } = await serve(large);
  for (let round = 0; round < 2; round += 1) {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    const chunks: Uint8Array[] = [];
    for await (const chunk of response.body!) {
      chunks.push(chunk);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(Buffer.concat(chunks).equals(large)).toBe(true);
  }
  await expect.poll(() => router.underWay).toBe(0);
});

test('a large text and its header alone', async () => {
  const text = 'ü'.repeat(400_000);
  const { port } = await serve(text);
  expect(await (await fetch(`http://127.0.0.1:${port}/body`)).text()).toBe(text);
  const head = await fetch(`http://127.0.0.1:${port}/body`, { method: 'HEAD' });
  expect(head.headers.get('content-length')).toBe('800000');
});

test('a client that leaves before the end is forgotten', async () => {
  const { port, router } = await serve(large);
  await new Promise<void>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('GET /body HTTP/1.1\r\nHost: x\r\n\r\n'));
    socket.once('data', () => socket.destroy());
    socket.on('close', () => resolve());
  });
  await expect.poll(() => router.underWay).toBe(0);
});

test('what is not from the tables is told as server.failed, without its cause', async () => {
  const told: unknown[] = [];
  const app = createApp();
  const router = new Router(
    () => false,
    (message, fields) => told.push(message, fields),
  );
  router.add('GET', '/broken', () => {
    throw new Error('the secret inside');
  });
  router.install(app);
  const listening = (await listen(app, '127.0.0.1', 0))!;
  close.push(() => {
    listening.stop();
    app.close();
  });
  const response = await fetch(`http://127.0.0.1:${listening.port}/broken`);
  const body = await response.text();
  expect([response.status, JSON.parse(body).code]).toEqual([500, 'server.failed']);
  expect(body).not.toContain('secret');
  expect(told).toMatchObject(['a request failed', { error: { message: 'the secret inside' } }]);
});

test('an address that is taken is said', async () => {
  const { port } = await serve('');
  expect(await listen(createApp(), '127.0.0.1', port)).toBeNull();
});

test('a media type that would end its header field is not passed on', () => {
  const fields: string[] = [];
  const res = { onAborted() {}, writeHeader: (name: string, value: string) => fields.push(name, value) };
  // Only what `writeHead` touches.
  const exchange = new Exchange(res as unknown as Exchange['res'], false, { report: () => undefined, underWay: 0 });
  exchange.writeHead(200, 'text/html\r\nSet-Cookie: a=b', []);
  expect(fields[1]).toMatch(/^application\/octet-stream\r\n/);
});
