import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ZipFile } from 'yazl';
import { ACME, ADMIN, OTHER, Stage } from './http-stage.ts';

const stage = new Stage();
let jpeg: Buffer;
beforeAll(async () => {
  await stage.open();
  await stage.call('POST', '/v1/accounts', { body: { account: 'acme' } });
  jpeg = await sharp({ create: { width: 40, height: 30, channels: 3, background: '#336699' } })
    .jpeg()
    .toBuffer();
});
afterAll(() => stage.close());

async function zipOf(files: { readonly [path: string]: string | Buffer }): Promise<Buffer> {
  const zip = new ZipFile();
  for (const [path, text] of Object.entries(files)) zip.addBuffer(Buffer.from(text), path);
  zip.end();
  return await buffer(zip.outputStream);
}

const upload = (path: string, raw: Uint8Array, mediaType: string, key = ACME) =>
  stage.call('POST', path, { key, raw, headers: { 'content-type': mediaType } });

/** A request with a `Host` of its own, which fetch does not allow. */
function onHost(host: string, path: string, headers: { [name: string]: string } = {}, method = 'GET') {
  return new Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; text: string }>((resolve, reject) => {
    const sent = request(
      { host: '127.0.0.1', port: stage.server.port, path, method, headers: { ...headers, host } },
      async (response) => {
        const text = Buffer.concat(await response.toArray()).toString();
        resolve({ status: response.statusCode!, headers: response.headers, text });
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}

describe('photos', () => {
  test('are uploaded as they are, and come back byte for byte', async () => {
    const added = await upload('/v1/photos', jpeg, 'image/jpeg');
    const sha256 = createHash('sha256').update(jpeg).digest('hex');
    expect(added).toMatchObject({ status: 201, body: { sha256, duplicate: false } });
    const again = await upload('/v1/photos', jpeg, 'image/jpeg');
    expect(again).toMatchObject({ status: 200, body: { photo: added.body.photo, duplicate: true, events: [] } });

    const path = `/v1/photos/${added.body.photo}/original`;
    const headers = { authorization: `Bearer ${ACME}` };
    const original = await fetch(stage.url + path, { headers });
    expect(Buffer.from(await original.arrayBuffer()).equals(jpeg)).toBe(true);
    expect(original.headers.get('content-type')).toBe('image/jpeg');
    expect(original.headers.get('cache-control')).toBe('private, no-cache');
    const etag = original.headers.get('etag')!;
    expect((await fetch(stage.url + path, { headers: { ...headers, 'if-none-match': etag } })).status).toBe(304);
    const part = await fetch(stage.url + path, { headers: { ...headers, range: 'bytes=10-19' } });
    expect(part.status).toBe(206);
    expect(part.headers.get('content-range')).toBe(`bytes 10-19/${jpeg.length}`);
    expect(Buffer.from(await part.arrayBuffer()).equals(jpeg.subarray(10, 20))).toBe(true);
    expect((await stage.call('GET', path, { key: OTHER })).status).toBe(404);
  });

  test('what is no image, or another than it says, or of no type, is refused', async () => {
    const before = stage.log.events.length;
    expect(await upload('/v1/photos', Buffer.from('no image'), 'image/jpeg')).toMatchObject({
      status: 422,
      body: { code: 'upload.not-an-image' },
    });
    expect(await upload('/v1/photos', jpeg, 'image/png')).toMatchObject({ status: 415 });
    expect(await upload('/v1/photos', jpeg, 'application/json')).toMatchObject({ status: 415 });
    expect(await stage.call('POST', '/v1/photos', { raw: jpeg })).toMatchObject({ status: 415 });
    expect(
      await stage.call('POST', '/v1/photos?colour=1', { raw: jpeg, headers: { 'content-type': 'image/jpeg' } }),
    ).toMatchObject({ status: 400, body: { code: 'request.invalid' } });
    expect(stage.log.events.length).toBe(before);
  });

  test('an announced length beyond the bound is refused before the first byte', async () => {
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(stage.server.port, '127.0.0.1');
      socket.once('data', (data) => {
        resolve(data.toString());
        socket.destroy();
      });
      socket.write(
        `POST /v1/photos HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ADMIN}\r\n` +
          'Content-Type: image/jpeg\r\nContent-Length: 99999999999\r\n\r\n',
      );
    });
    expect(answer).toMatch(/^HTTP\/1.1 413 /);
    expect(answer).toContain('request.too-large');
  });

  test('a client that leaves in the middle leaves nothing behind', async () => {
    const before = stage.log.events.length;
    await new Promise<void>((resolve) => {
      const socket = connect(stage.server.port, '127.0.0.1');
      const head =
        `POST /v1/photos HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ADMIN}\r\n` +
        'Content-Type: image/jpeg\r\nContent-Length: 100000\r\n\r\n';
      socket.write(head + 'x'.repeat(1000), () => socket.destroy());
      socket.on('close', () => resolve());
    });
    expect((await upload('/v1/photos', jpeg, 'image/jpeg')).status).toBe(200);
    expect(stage.log.events.length).toBe(before);
  });

  test('a large one streams through, held back while the disk is busy', async () => {
    const noise = Buffer.alloc(3000 * 2000 * 3, 'strata noise that does not compress well enough to be small');
    const large = await sharp(noise, { raw: { width: 3000, height: 2000, channels: 3 } })
      .png({ compressionLevel: 0 })
      .toBuffer();
    expect(large.length).toBeGreaterThan(16 * 1024 * 1024);
    expect((await upload('/v1/photos', large, 'image/png')).body).toMatchObject({ duplicate: false });
    // The connection is of use after it.
    expect((await stage.call('GET', '/healthz')).status).toBe(200);
  });
});

describe('dapps', () => {
  let one: string;
  let two: string;
  beforeAll(async () => {
    await stage.call('PUT', '/v1/dapps/site', { key: ACME, body: { title: 'Site' } });
    const files = { 'index.html': '<h1>one</h1>', 'docs/index.html': 'docs', 'a b/ü.css': 'body{}', 'app.js': '1' };
    one = (await upload('/v1/dapps/site/deploys', await zipOf(files), 'application/zip')).body.deploy;
    const next = { ...files, 'index.html': '<h1>two</h1>', '404.html': 'lost' };
    const answer = await upload('/v1/dapps/site/deploys', await zipOf(next), 'application/zip');
    two = answer.body.deploy;
    expect(answer).toMatchObject({ status: 201, body: { files: 5 } });
    expect(answer.body.url).toBe(`http://site.localhost:${stage.server.port}/`);
  });

  test('have an origin of their own', async () => {
    const host = `site.localhost:${stage.server.port}`;
    const index = await onHost(host, '/');
    expect(index).toMatchObject({ status: 200, text: '<h1>two</h1>' });
    expect(index.headers).toMatchObject({
      'content-type': 'text/html',
      'cache-control': 'no-cache',
      'x-content-type-options': 'nosniff',
    });
    expect(index.headers['content-security-policy']).toBeUndefined();
    const etag = index.headers.etag as string;
    expect((await onHost(host, '/', { 'if-none-match': etag })).status).toBe(304);
    expect(await onHost(host, '/docs/')).toMatchObject({ status: 200, text: 'docs' });
    const folder = await onHost(host, '/docs?x=1');
    expect(folder).toMatchObject({ status: 308, headers: { location: '/docs/?x=1' } });
    expect(await onHost(host, '/a%20b/%C3%BC.css')).toMatchObject({ status: 200, text: 'body{}' });
    expect(await onHost(host, '/none')).toMatchObject({ status: 404, text: 'lost' });
    expect(await onHost(host, '/app.js', {}, 'HEAD')).toMatchObject({ status: 200, text: '' });
    expect(await onHost(host, '/docs/', { range: 'bytes=-2' })).toMatchObject({ status: 206, text: 'cs' });
    expect(await onHost(host, '/docs/', { range: 'bytes=9-' })).toMatchObject({ status: 416 });
    // Nothing of the API is there.
    expect((await onHost(host, '/v1/boards')).text).toBe('lost');
    expect((await onHost(host, '/v1/commands', {}, 'POST')).status).toBe(405);
  });

  test('a path never leads out of the deploy', async () => {
    const host = `site.localhost:${stage.server.port}`;
    for (const path of [
      '/../package.json',
      '/%2e%2e/package.json',
      '/..%2f..%2fetc/passwd',
      '//etc/passwd',
      '/a\\..\\b',
    ]) {
      expect((await onHost(host, path)).status).toBe(404);
    }
    expect((await onHost(host, '/%zz')).status).toBe(400);
  });

  test('one deploy has its own host, for ever', async () => {
    const label = (deploy: string, digits: number) => `${deploy.slice(0, digits)}--site.localhost`;
    const old = await onHost(label(one, 57), '/');
    expect(old).toMatchObject({ status: 200, text: '<h1>one</h1>' });
    expect(old.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect(await onHost(label(two, 12), '/')).toMatchObject({ text: '<h1>two</h1>' });
    expect((await onHost(label(two, 11), '/')).status).toBe(404);
    expect((await onHost('0123456789ab--site.localhost', '/')).status).toBe(404);
  });

  test('are served on the shared host in a sandbox', async () => {
    const index = await stage.call('GET', '/dapps/site/', { key: null });
    expect(index).toMatchObject({ status: 200, text: '<h1>two</h1>' });
    const policy = index.headers.get('content-security-policy')!;
    expect(policy).toMatch(/^sandbox .*allow-scripts/);
    expect(policy).not.toContain('allow-same-origin');
    const bare = await stage.call('GET', '/dapps/site', { key: null });
    expect([bare.status, bare.headers.get('location')]).toEqual([308, '/dapps/site/']);
    const folder = await stage.call('GET', '/dapps/site/docs', { key: null });
    expect([folder.status, folder.headers.get('location')]).toEqual([308, '/dapps/site/docs/']);
    const lost = await stage.call('GET', '/dapps/site/none', { key: null });
    expect(lost).toMatchObject({ status: 404, text: 'lost' });
    expect(lost.headers.get('content-security-policy')).toBe(policy);
    expect((await stage.call('GET', '/dapps/none/', { key: null })).status).toBe(404);
  });

  test('other hosts serve the API', async () => {
    for (const host of ['localhost', '127.0.0.1', 'example.org', 'a.b.localhost', 'xlocalhost']) {
      expect((await onHost(host, '/healthz')).text).toBe('{"ok":true}');
    }
  });

  test('a deploy that is only staged is not published', async () => {
    const staged = await upload(
      '/v1/dapps/site/deploys?publish=false',
      await zipOf({ 'index.html': '3' }),
      'application/zip',
    );
    expect(staged.status).toBe(201);
    expect((await stage.call('GET', '/dapps/site/')).text).toBe('<h1>two</h1>');
    const host = `${staged.body.deploy.slice(0, 20)}--site.localhost`;
    expect((await onHost(host, '/')).text).toBe('3');
  });

  test('archives that are none, or reach out, are refused', async () => {
    expect(await upload('/v1/dapps/site/deploys', Buffer.from('PK no'), 'application/zip')).toMatchObject({
      status: 422,
      body: { code: 'upload.archive-invalid' },
    });
    expect(await upload('/v1/dapps/site/deploys', jpeg, 'image/jpeg')).toMatchObject({ status: 415 });
  });
});
