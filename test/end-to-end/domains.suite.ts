import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ZipFile } from 'yazl';
import type { ServerFixture } from '../integration/server-fixture.ts';

/** All four domains over HTTP, on whatever engines the server runs. */
export function domainsSuite(strata: ServerFixture): void {
  beforeAll(() => strata.start().then(() => undefined));
  afterAll(() => strata.stop());

  async function zipOf(files: { readonly [path: string]: string }): Promise<Buffer> {
    const zip = new ZipFile();
    for (const [path, text] of Object.entries(files)) zip.addBuffer(Buffer.from(text), path);
    zip.end();
    return Buffer.concat((await Array.fromAsync(zip.outputStream)) as Buffer[]);
  }

  async function photoOf(red: number): Promise<Buffer> {
    const picture = sharp({ create: { width: 40, height: 30, channels: 3, background: { r: red, g: 90, b: 30 } } });
    return await picture
      .withExif({ IFD0: { Make: 'Strata' }, IFD2: { DateTimeOriginal: '2019:07:14 10:20:30' } })
      .jpeg()
      .toBuffer();
  }

  test('boards: created, drawn on, read as pixels, bitmap and picture, now and as it was', async () => {
    const created = await strata.call('PUT', '/v1/boards/demo', { width: 300, height: 2 });
    expect(created.status).toBe(201);
    const first = await strata.call('PUT', '/v1/boards/demo/pixels/299/1', { color: 5 });
    expect(first.body).toMatchObject({ stream: 'tile-demo-1-0', revision: 0, events: [{ type: 'PixelPlaced' }] });
    const second = await strata.call('PUT', '/v1/boards/demo/pixels/299/1', { color: 6 });

    const pixel = await strata.read('/v1/boards/demo/pixels/299/1', second.body.position);
    expect(pixel.body).toMatchObject({ x: 299, y: 1, color: 6, position: second.body.position, actor: 'admin' });
    const then = await strata.read(`/v1/boards/demo/pixels/299/1?asOf=${first.body.position}`);
    expect(then.body).toMatchObject({ color: 5, position: first.body.position });

    const bitmap = await strata.read('/v1/boards/demo/bitmap');
    expect(bitmap.body).toHaveLength(300);
    expect(bitmap.body.at(-1)).toBe(6);
    const before = await strata.read(`/v1/boards/demo/bitmap?asOf=${first.body.position}`);
    expect(before.body.at(-1)).toBe(5);
    expect(before.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');

    const png = await strata.read('/v1/boards/demo.png');
    expect(await sharp(png.body).metadata()).toMatchObject({ format: 'png', width: 300, height: 2 });
    expect((await strata.read('/v1/boards/demo')).body).toMatchObject({ width: 300, height: 2, placements: 2 });
  });

  test('boards: a pixel on a new board is there at its position, however many are made meanwhile', async () => {
    const colors = await Promise.all(
      Array.from({ length: 60 }, async (_, n) => {
        await strata.call('PUT', `/v1/boards/many-${n}`, { width: 10, height: 10 });
        const placed = await strata.call('PUT', `/v1/boards/many-${n}/pixels/1/1`, { color: 7 });
        return (await strata.read(`/v1/boards/many-${n}/pixels/1/1`, placed.body.position)).body.color;
      }),
    );
    expect(new Set(colors)).toEqual(new Set([7]));
  });

  test('boards: what is outside, unknown or too soon is refused', async () => {
    await strata.call('PUT', '/v1/boards/slow', { width: 10, height: 10, cooldownSeconds: 60 });
    const refusals = [
      [await strata.call('PUT', '/v1/boards/slow/pixels/10/0', { color: 1 }), 422, 'board.outside'],
      [await strata.call('PUT', '/v1/boards/slow/pixels/0/0', { color: 99 }), 422, 'board.unknown-colour'],
      [await strata.call('PUT', '/v1/boards/none/pixels/0/0', { color: 1 }), 404, 'board.unknown'],
    ] as const;
    for (const [answer, status, code] of refusals) expect(answer).toMatchObject({ status, body: { status, code } });
    expect((await strata.call('PUT', '/v1/boards/slow/pixels/0/0', { color: 1 })).status).toBe(200);
    const soon = await strata.call('PUT', '/v1/boards/slow/pixels/1/0', { color: 1 });
    expect(soon).toMatchObject({ status: 429, body: { code: 'board.cooldown' } });
    expect(Number(soon.headers.get('retry-after'))).toBeGreaterThan(50);
  });

  test('accounts: granted, debited, held, settled; never below zero; read with a key of their own', async () => {
    expect((await strata.call('POST', '/v1/accounts', { account: 'acme' })).status).toBe(201);
    await strata.call('POST', '/v1/accounts/acme/grants', { amount: 100 });
    const key = { Authorization: `Bearer ${await strata.keyOf('acme')}` };
    await strata.call('POST', '/v1/accounts/acme/debits', { amount: 30, operation: 'upload', bytes: 12 }, key);
    await strata.call('POST', '/v1/accounts/acme/holds', { hold: 'h1', amount: 50, ttlSeconds: 600 }, key);
    const overdraft = await strata.call('POST', '/v1/accounts/acme/debits', { amount: 21, operation: 'pin' }, key);
    expect(overdraft).toMatchObject({ status: 422, body: { code: 'credits.insufficient' } });
    const settled = await strata.call('POST', '/v1/accounts/acme/holds/h1/settle', { amount: 20 }, key);

    const balance = await strata.read('/v1/accounts/acme', settled.body.position, key);
    expect(balance.body).toEqual({ account: 'acme', available: 50, held: 0, spent: 50, expired: 0, granted: 100 });
    const entries = await strata.read('/v1/accounts/acme/entries', settled.body.position, key);
    expect(entries.body.items.length).toBeGreaterThanOrEqual(4);

    await strata.call('POST', '/v1/accounts', { account: 'other' });
    expect((await strata.read('/v1/accounts/other', undefined, key)).status).toBe(404);
    expect((await strata.call('POST', '/v1/accounts/acme/grants', { amount: 1 }, key)).status).toBe(403);
  });

  test('accounts: a revoked key stops within a second', async () => {
    await strata.call('POST', '/v1/accounts', { account: 'brief' });
    const issued = await strata.call('POST', '/v1/accounts/brief/keys', {});
    const key = { Authorization: `Bearer ${issued.body.secret}` };
    expect((await strata.read('/v1/accounts/brief', issued.body.position, key)).status).toBe(200);
    await strata.call('DELETE', `/v1/accounts/brief/keys/${issued.body.key}`);
    await expect
      .poll(async () => (await strata.read('/v1/accounts/brief', undefined, key)).status, { timeout: 1000 })
      .toBe(401);
  });

  test('accounts: a hold expires by itself', async () => {
    await strata.call('POST', '/v1/accounts', { account: 'holder' });
    await strata.call('POST', '/v1/accounts/holder/grants', { amount: 10 });
    await strata.call('POST', '/v1/accounts/holder/holds', { hold: 'h', amount: 10, ttlSeconds: 1 });
    await expect
      .poll(async () => (await strata.read('/v1/accounts/holder')).body.available, { timeout: 5000, interval: 50 })
      .toBe(10);
  });

  test('dapps: deployed from a zip, published, served, rolled back', async () => {
    await strata.call('POST', '/v1/accounts', { account: 'studio' });
    expect((await strata.call('PUT', '/v1/dapps/site', { account: 'studio', title: 'Site' })).status).toBe(201);
    const zip = { 'Content-Type': 'application/zip' };
    const one = await strata.call('POST', '/v1/dapps/site/deploys', await zipOf({ 'index.html': '<h1>one</h1>' }), zip);
    expect(one.body).toMatchObject({ files: 1, bytes: 12 });
    const two = await strata.call(
      'POST',
      '/v1/dapps/site/deploys',
      await zipOf({ 'index.html': '<h1>two</h1>', 'a/b.css': 'b' }),
      zip,
    );
    await strata.read('/v1/dapps/site', two.body.position);
    const served = async () => String((await strata.read('/dapps/site/')).body);
    expect(await served()).toBe('<h1>two</h1>');
    const css = await strata.read('/dapps/site/a/b.css');
    expect(css.headers.get('content-type')).toMatch('text/css');
    expect(css.headers.get('content-security-policy')).toMatch('sandbox');

    const back = await strata.call('POST', '/v1/dapps/site/rollback', { deploy: one.body.deploy });
    const dapp = await strata.read('/v1/dapps/site', back.body.position);
    expect(dapp.body).toMatchObject({
      dapp: 'site',
      account: 'studio',
      title: 'Site',
      state: 'published',
      published: one.body.deploy,
    });
    expect(await served()).toBe('<h1>one</h1>');
    expect((await strata.read('/v1/dapps/site/deploys')).body.items).toHaveLength(2);
  });

  test('photos: uploaded once, edited, found by tag and time, read as they were, trashed and restored', async () => {
    const jpeg = { 'Content-Type': 'image/jpeg' };
    const bytes = await photoOf(200);
    const added = await strata.call('POST', '/v1/photos', bytes, jpeg);
    expect(added).toMatchObject({ status: 201, body: { duplicate: false } });
    const again = await strata.call('POST', '/v1/photos', bytes, jpeg);
    expect(again.body).toMatchObject({ photo: added.body.photo, duplicate: true, events: [] });

    const path = `/v1/photos/${added.body.photo}`;
    const edited = await strata.call('PATCH', path, { set: { title: 'Peaks', rating: 4 }, addTags: ['alps', 'snow'] });
    const photo = await strata.read(path, edited.body.position);
    expect(photo.body).toMatchObject({
      photo: added.body.photo,
      sha256: added.body.sha256,
      mediaType: 'image/jpeg',
      width: 40,
      height: 30,
      takenAt: '2019-07-14T10:20:30.000Z',
      title: 'Peaks',
      rating: 4,
      caption: null,
      tags: ['alps', 'snow'],
      trashed: false,
      exif: { Make: 'Strata' },
    });
    expect((await strata.read(`${path}?asOf=${added.body.position}`)).body).toMatchObject({ title: null, tags: [] });
    expect((await strata.read('/v1/photos?tag=alps&takenBefore=2020-01-01T00:00:00Z')).body.items).toHaveLength(1);
    expect((await strata.read('/v1/photos?tag=alps&takenAfter=2020-01-01T00:00:00Z')).body.items).toHaveLength(0);
    expect((await strata.read(`${path}/original`)).body.equals(bytes)).toBe(true);

    const trashed = await strata.call('DELETE', path);
    expect((await strata.read('/v1/photos?tag=alps', trashed.body.position)).body.items).toHaveLength(0);
    const restored = await strata.call('POST', `${path}/restore`);
    expect((await strata.read('/v1/photos?tag=alps', restored.body.position)).body.items).toHaveLength(1);
  });

  test('the same key sent again is answered with the first answer', async () => {
    await strata.call('POST', '/v1/accounts', { account: 'twice' });
    await strata.call('POST', '/v1/accounts/twice/grants', { amount: 10 });
    const debit = () =>
      strata.call('POST', '/v1/accounts/twice/debits', { amount: 4, operation: 'pin' }, { 'Idempotency-Key': 'd-1' });
    const first = await debit();
    const second = await debit();
    expect(second.body).toEqual(first.body);
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    expect((await strata.read('/v1/accounts/twice', second.body.position)).body.spent).toBe(4);
    const other = { 'Idempotency-Key': 'd-1' };
    const reused = await strata.call('POST', '/v1/accounts/twice/debits', { amount: 5, operation: 'pin' }, other);
    expect(reused).toMatchObject({ status: 422, body: { code: 'command.key-reused' } });
  });

  test('an array of commands answers each, in order', async () => {
    const answer = await strata.call('POST', '/v1/commands', [
      { type: 'OpenAccount', data: { account: 'array' } },
      { type: 'GrantCredits', data: { account: 'array', amount: 5 } },
      { type: 'DebitCredits', data: { account: 'array', amount: 6, operation: 'pin' } },
      { type: 'DebitCredits', data: { account: 'array', amount: 5, operation: 'pin' } },
    ]);
    expect(answer.body.results).toMatchObject([
      { revision: 0 },
      { revision: 1 },
      { status: 422, code: 'credits.insufficient' },
      { revision: 2 },
    ]);
  });

  test('the log is there to read, and so is an earlier time', async () => {
    const events = await strata.read('/v1/events?limit=3');
    expect(events.body.items.map((event: { position: string }) => event.position)).toEqual(['1', '2', '3']);
    const past = await strata.read('/v1/events?after=999999999');
    expect(past).toMatchObject({ status: 400, body: { code: 'history.future-position' } });
    expect((await strata.read('/v1/boards/demo?asOf=2001-01-01T00:00:00Z')).status).toBe(404);
  });

  test('an operator may say that the clock is right; nobody else', async () => {
    expect((await strata.call('POST', '/v1/clock/accept')).body).toMatchObject({ ready: true, problems: [] });
    const key = { Authorization: `Bearer ${await strata.keyOf('acme')}` };
    expect((await strata.call('POST', '/v1/clock/accept', undefined, key)).status).toBe(403);
  });

  test('everything is there again after a restart', async () => {
    const before = (await strata.read('/v1/boards/demo/bitmap')).body;
    await strata.restart();
    expect((await strata.read('/v1/boards/demo/bitmap')).body.equals(before)).toBe(true);
    expect((await strata.read('/v1/accounts/acme')).body).toMatchObject({ available: 50, spent: 50 });
    expect((await strata.read('/v1/photos?tag=alps')).body.items).toHaveLength(1);
  });
}
