import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ACME, ADMIN, OTHER, Stage } from './http-stage.ts';

const stage = new Stage();
beforeAll(async () => {
  await stage.open();
  await stage.call('PUT', '/v1/boards/demo', { body: { width: 300, height: 300 } });
  await stage.call('POST', '/v1/accounts', { body: { account: 'acme', contact: 'acme@example.org' } });
  await stage.call('POST', '/v1/accounts', { body: { account: 'other' } });
});
afterAll(() => stage.close());

test('an accepted command answers what was added, to the letter', async () => {
  const answer = await stage.call('PUT', '/v1/boards/demo/pixels/3/4', { body: { color: 5 } });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toBe('application/json');
  expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  expect(answer.headers.get('strata-position')).toBe(answer.body.position);
  const { position } = answer.body;
  expect(answer.body).toEqual({
    position,
    stream: 'tile-demo-0-0',
    revision: 0,
    events: [
      {
        id: expect.stringMatching(/^[0-9a-f]{32}$/),
        type: 'PixelPlaced',
        data: { board: 'demo', x: 3, y: 4, color: 5 },
        position,
        revision: 0,
        recordedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      },
    ],
  });
});

test('personal fields are open in the answer to their command, and sealed in the log', async () => {
  const answer = await stage.call('POST', '/v1/accounts', { body: { account: 'open', contact: 'me@example.org' } });
  expect(answer.body.events[0].data.contact).toBe('me@example.org');
  expect(JSON.stringify(stage.log.events.at(-1))).not.toContain('me@example.org');
  const log = await stage.call('GET', '/v1/streams/account-open');
  expect(log.body.items[0].data.contact).toBe('me@example.org');
});

test('a request without a body that says something in its query is refused', async () => {
  const answer = await stage.call('DELETE', '/v1/dapps/any?permanently=true');
  expect(answer).toMatchObject({ status: 400, body: { code: 'request.invalid' } });
});

test('the same key again is the first answer again; another body is refused', async () => {
  const headers = { 'idempotency-key': 'k1' };
  const path = '/v1/accounts/acme/grants';
  const first = await stage.call('POST', path, { headers, body: { amount: 5 } });
  const again = await stage.call('POST', path, { headers, body: { amount: 5 } });
  expect(first.status).toBe(201);
  expect(first.headers.get('idempotency-replayed')).toBeNull();
  expect(again.headers.get('idempotency-replayed')).toBe('true');
  expect(again.body).toEqual(first.body);
  const other = await stage.call('POST', path, { headers, body: { amount: 6 } });
  expect(other).toMatchObject({ status: 422, body: { code: 'command.key-reused' } });
});

test('secrets are answered once', async () => {
  const send = () => stage.call('POST', '/v1/accounts/acme/keys', { headers: { 'idempotency-key': 's' }, body: {} });
  const first = await send();
  expect(first.body.secret).toMatch(/^strata_/);
  const again = await send();
  expect(again.body).toMatchObject({ key: first.body.key, secret: null });
});

test('If-Match names the revision that the stream must be at', async () => {
  const { body } = await stage.call('POST', '/v1/accounts/other/grants', { body: { amount: 1 } });
  const path = '/v1/accounts/other/grants';
  const stale = await stage.call('POST', path, { headers: { 'if-match': '"r0"' }, body: { amount: 1 } });
  expect(stale).toMatchObject({ status: 412, body: { code: 'stream.revision-mismatch' } });
  const now = await stage.call('POST', path, { headers: { 'if-match': `"r${body.revision}"` }, body: { amount: 1 } });
  expect(now.status).toBe(201);
  const wrong = await stage.call('POST', path, { headers: { 'if-match': 'r1' }, body: { amount: 1 } });
  expect(wrong).toMatchObject({ status: 400, body: { code: 'request.invalid' } });
});

describe('POST /v1/commands', () => {
  const pixel = (x: number, more: object = {}) => ({
    type: 'PlacePixel',
    data: { board: 'demo', x, y: 0, color: 1 },
    ...more,
  });

  test('takes one command', async () => {
    const answer = await stage.call('POST', '/v1/commands', { body: pixel(1) });
    expect(answer).toMatchObject({ status: 200, body: { events: [{ type: 'PixelPlaced' }] } });
    const unknown = await stage.call('POST', '/v1/commands', { body: { type: 'Explode', data: {} } });
    expect(unknown).toMatchObject({ status: 400, body: { code: 'command.unknown' } });
    const stale = await stage.call('POST', '/v1/commands', {
      body: { type: 'GrantCredits', data: { account: 'acme', amount: 1 }, expectedRevision: 0 },
    });
    expect(stale).toMatchObject({ status: 409, body: { code: 'stream.revision-conflict' } });
  });

  test('takes an array: each stands for itself, in order', async () => {
    const headers = { 'idempotency-key': 'batch' };
    const body = [pixel(1), pixel(999), { type: 'PlacePixel', dat: 1 }, pixel(2, { idempotencyKey: 'own' })];
    const answer = await stage.call('POST', '/v1/commands', { headers, body });
    expect(answer.status).toBe(200);
    expect(answer.body.results).toMatchObject([
      { events: [{ data: { x: 1 } }] },
      { status: 422, code: 'board.outside' },
      { status: 400, code: 'request.invalid' },
      { events: [{ data: { x: 2 } }] },
    ]);
    const again = await stage.call('POST', '/v1/commands', { headers, body });
    expect(again.body.results[0]).toEqual(answer.body.results[0]);
    const one = await stage.call('POST', '/v1/commands', { headers: { 'idempotency-key': 'batch/0' }, body: pixel(1) });
    expect(one.body).toEqual(answer.body.results[0]);
    const own = await stage.call('POST', '/v1/commands', { headers: { 'idempotency-key': 'own' }, body: pixel(2) });
    expect(own.body).toEqual(answer.body.results[3]);
  });

  test('takes up to 1,000', async () => {
    const many = Array.from({ length: 1000 }, (_, at) => pixel(at % 300));
    const answer = await stage.call('POST', '/v1/commands', { body: many });
    expect(answer.body.results).toHaveLength(1000);
    expect(answer.body.results.every((result: { stream?: string }) => result.stream !== undefined)).toBe(true);
    const more = await stage.call('POST', '/v1/commands', { body: [...many, pixel(1)] });
    expect(more).toMatchObject({ status: 400, body: { code: 'request.invalid' } });
    expect((await stage.call('POST', '/v1/commands', { body: [] })).body).toEqual({ results: [] });
  });

  test('commands that name uploaded bytes are not for account keys', async () => {
    const body = { type: 'DeployDapp', data: { dapp: 'x', deploy: '0'.repeat(64), files: 1, bytes: 1 } };
    const answer = await stage.call('POST', '/v1/commands', { key: ACME, body });
    expect(answer).toMatchObject({ status: 403, body: { code: 'auth.forbidden' } });
  });
});

describe('keys', () => {
  const path = '/v1/boards/demo/pixels/0/0';
  const body = { color: 1 };

  test('missing, wrong and malformed ones are refused', async () => {
    const missing = await stage.call('PUT', path, { key: null, body });
    expect(missing).toMatchObject({ status: 401, body: { code: 'auth.required' } });
    expect(missing.headers.get('www-authenticate')).toBe('Bearer');
    expect(await stage.call('PUT', path, { key: 'nonsense', body })).toMatchObject({
      status: 401,
      body: { code: 'auth.unknown-key' },
    });
    const basic = await stage.call('PUT', path, { key: null, headers: { authorization: 'Basic eDp5' }, body });
    expect(basic).toMatchObject({ status: 401, body: { code: 'auth.required' } });
  });

  test('may do what their role may', async () => {
    expect((await stage.call('PUT', path, { key: ACME, body })).status).toBe(200);
    const grant = await stage.call('POST', '/v1/accounts/acme/grants', { key: ACME, body: { amount: 1 } });
    expect(grant).toMatchObject({ status: 403, body: { code: 'auth.forbidden' } });
    const others = await stage.call('POST', '/v1/accounts/acme/debits', {
      key: OTHER,
      body: { amount: 1, operation: 'pin' },
    });
    expect(others.status).toBe(404);
    expect(await stage.call('GET', '/v1/events', { key: ACME })).toMatchObject({ status: 403 });
  });

  test('a revoked one stops within a second', async () => {
    expect((await stage.call('PUT', path, { key: OTHER, body })).status).toBe(200);
    stage.revoked.add(OTHER);
    const status = async () => (await stage.call('PUT', path, { key: OTHER, body })).status;
    await expect.poll(status, { timeout: 1000, interval: 20 }).toBe(401);
    stage.revoked.delete(OTHER);
  });
});

describe('bad input', () => {
  const path = '/v1/boards/demo/pixels/0/0';
  const json = { 'content-type': 'application/json' };
  const refused = async (raw: string | Uint8Array, headers: { [name: string]: string } = json) => {
    const before = stage.log.events.length;
    const answer = await stage.call('PUT', path, { raw, headers });
    expect(stage.log.events.length).toBe(before);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.body).toMatchObject({ status: answer.status, type: `/docs/errors#${answer.body.code}` });
    expect(Object.keys(answer.body).slice(0, 5)).toEqual(['type', 'title', 'status', 'code', 'detail']);
    return `${answer.status} ${answer.body.code} ${answer.body.detail}`;
  };

  test('is told apart', async () => {
    expect(await refused('{"color":1,"colour":2}')).toMatch(/^400 request.invalid .*colour/);
    expect(await refused('{"color":"1"}')).toMatch(/^400 request.invalid .*color/);
    expect(await refused('{}')).toMatch(/^400 request.invalid .*color/);
    expect(await refused('[1]')).toMatch(/^400 request.invalid/);
    expect(await refused('{"color":1,"board":"else"}')).toMatch(/^400 request.invalid board/);
    expect(await refused('{"color":1')).toMatch(/^400 request.malformed/);
    expect(await refused('{"color":1,"color":2}')).toMatch(/^400 request.malformed .*"color" stands twice/);
    expect(await refused('{"__proto__":{"color":1},"color":1}')).toMatch(/^400 request.malformed .*__proto__/);
    expect(await refused('{"color":"\\ud800"}')).toMatch(/^400 request.malformed .*surrogate/);
    expect(await refused(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).toMatch(/^400 .* not UTF-8/);
    expect(await refused('['.repeat(33) + ']'.repeat(33))).toMatch(/^400 request.malformed .*deeper than 32/);
    expect(await refused(`{"color":1,"more":"${'x'.repeat(1024 * 1024)}"}`)).toMatch(/^413 request.too-large/);
    expect(await refused('{"color":1}', { 'content-type': 'text/plain' })).toMatch(/^415 request.media-type/);
    expect(await refused(Buffer.from('{"color":1}'), {})).toMatch(/^415 request.media-type .*no Content-Type/);
    expect(await refused('color=1', { 'content-type': 'application/x-www-form-urlencoded' })).toMatch(/^415/);
  });

  test('a number in the address that is none, or far too large, is refused', async () => {
    for (const [x, status] of [
      ['abc', 400],
      ['1.5', 400],
      ['1e2', 400],
      ['-1', 422],
      ['300', 422],
      ['99999999999999999999', 400],
      ['%zz', 400],
    ] as const) {
      const answer = await stage.call('PUT', `/v1/boards/demo/pixels/${x}/0`, { body: { color: 1 } });
      expect([x, answer.status]).toEqual([x, status]);
    }
  });

  test('too much is refused as soon as it has come, without an announced length', async () => {
    let sent = 0;
    const endless = new ReadableStream({
      pull(controller) {
        sent += 65_536;
        if (sent > 64 * 1024 * 1024) controller.close();
        else controller.enqueue(Buffer.alloc(65_536, 32));
      },
    });
    const init = {
      method: 'PUT',
      headers: { ...json, authorization: `Bearer ${ADMIN}` },
      body: endless,
      duplex: 'half',
    };
    const response = await fetch(`${stage.url}${path}`, init as RequestInit);
    expect(response.status).toBe(413);
    expect(((await response.json()) as { code: string }).code).toBe('request.too-large');
  });

  test('a body where none is taken is refused', async () => {
    await stage.call('POST', '/v1/accounts/acme/grants', { body: { amount: 50 } });
    const hold = { hold: 'h9', amount: 1, ttlSeconds: 60 };
    await stage.call('POST', '/v1/accounts/acme/holds', { body: hold });
    const refusal = await stage.call('DELETE', '/v1/accounts/acme/holds/h9', { body: { force: true } });
    expect(refusal).toMatchObject({ status: 400, body: { code: 'request.invalid' } });
    expect((await stage.call('DELETE', '/v1/accounts/acme/holds/h9')).status).toBe(200);
  });

  test('every mistake in the fields is listed', async () => {
    const answer = await stage.call('PUT', '/v1/boards/broken', { body: { width: 0, height: 'x' } });
    const paths = answer.body.errors.map((error: { path: string }) => error.path);
    expect(paths).toEqual(expect.arrayContaining(['width', 'height']));
  });
});

test('addresses and methods that are not there', async () => {
  expect(await stage.call('GET', '/v2/boards')).toMatchObject({ status: 404, body: { code: 'request.unknown-route' } });
  expect(await stage.call('HEAD', '/v2/boards')).toMatchObject({ status: 404, text: '' });
  const wrong = await stage.call('PATCH', '/v1/boards/demo', { body: {} });
  expect(wrong).toMatchObject({ status: 405, body: { code: 'request.wrong-method' } });
  expect(wrong.headers.get('allow')).toBe('PUT, GET, HEAD, OPTIONS');
  const options = await stage.call('OPTIONS', '/v1/boards/demo', { key: null });
  expect(options.status).toBe(204);
  expect(options.headers.get('access-control-allow-methods')).toContain('PUT');
});

test('many requests on one connection, refused early ones among them, keep their order', async () => {
  const calls = Array.from({ length: 60 }, (_, at) =>
    at % 3 === 0
      ? stage.call('PUT', '/v1/boards/demo/pixels/1/1', { key: null, body: { color: 1 } })
      : stage.call('PUT', '/v1/boards/demo/pixels/1/1', { body: { color: at % 16 } }),
  );
  const statuses = (await Promise.all(calls)).map(({ status }) => status);
  expect(statuses).toEqual(Array.from({ length: 60 }, (_, at) => (at % 3 === 0 ? 401 : 200)));
});
