import sharp from 'sharp';
import { expect, vi } from 'vitest';
import { ZipFile } from 'yazl';
import type { ServerFixture } from './server-fixture.ts';

/** Something of every domain, refs and an erased photo among it; `middle` and `end` are positions. */
export async function tellHistory(strata: ServerFixture): Promise<{ readonly middle: string; readonly end: string }> {
  const done = async (...call: Parameters<ServerFixture['call']>) => {
    const { status, body } = await strata.call(...call);
    expect(status, JSON.stringify(body)).toBeLessThan(300);
    return body;
  };
  await done('PUT', '/v1/boards/b', { width: 300, height: 40 });
  await done('POST', '/v1/accounts', { account: 'acme', contact: 'someone@example.org' });
  await done('POST', '/v1/accounts/acme/grants', { amount: 1000 });
  await done('PUT', '/v1/dapps/site', { account: 'acme', title: 'Site' });
  await done('POST', '/v1/dapps/site/deploys', await zipOf({ 'index.html': '<p>hello</p>' }), {
    'Content-Type': 'application/zip',
  });
  const photos: string[] = [];
  for (let n = 0; n < 4; n += 1) {
    const background = { r: n * 30, g: 90, b: 30 };
    const picture = await sharp({ create: { width: 40, height: 30, channels: 3, background } })
      .jpeg()
      .toBuffer();
    const { photo } = await done('POST', '/v1/photos', picture, { 'Content-Type': 'image/jpeg' });
    await done('PATCH', `/v1/photos/${photo}`, { set: { title: `title ${n}` }, addTags: ['alps', `tag-${n}`] });
    photos.push(photo);
  }
  const { position: middle } = await done('PUT', '/v1/boards/b/pixels/7/3', { color: 5 });
  await done('PUT', '/v1/refs/launch', { position: middle });
  // Several events in one write.
  await done('POST', '/v1/accounts/acme/holds', { amount: 30, hold: 'h', ttlSeconds: 86_400 });
  await done('POST', '/v1/accounts/acme/holds/h/settle', { amount: 10 });
  for (let x = 0; x < 20; x += 1) await done('PUT', `/v1/boards/b/pixels/${x}/3`, { color: x % 16 });
  const key = { 'Idempotency-Key': 'once' };
  await done('POST', '/v1/accounts/acme/debits', { amount: 1, operation: 'pin' }, key);
  const { position: end } = await done('POST', `/v1/photos/${photos[3]}/erase`);
  return { middle, end };
}

async function zipOf(files: { readonly [path: string]: string }): Promise<Buffer> {
  const zip = new ZipFile();
  for (const [name, text] of Object.entries(files)) zip.addBuffer(Buffer.from(text), name);
  zip.end();
  return Buffer.concat((await Array.fromAsync(zip.outputStream)) as Buffer[]);
}

const READS = [
  '/v1/boards/b',
  '/v1/boards/b/bitmap',
  '/v1/boards/b/pixels/7/3',
  '/v1/boards/b/pixels/7/3/history',
  '/v1/accounts/acme',
  '/v1/accounts/acme/entries?limit=1000',
  '/v1/dapps',
  '/v1/dapps/site/deploys',
  '/v1/photos',
  '/v1/photos?tag=alps',
  '/v1/refs',
];

/** What a server answers of that history, at both positions and by the ref; without what tells servers apart. */
export async function recallHistory(
  strata: ServerFixture,
  { middle, end }: { readonly middle: string; readonly end: string },
): Promise<readonly string[]> {
  const paths = [middle, end, 'refs/launch'].flatMap((asOf) =>
    READS.map((path) => `${path}${path.includes('?') ? '&' : '?'}asOf=${encodeURIComponent(asOf)}`),
  );
  for (const kind of ['photos', 'accounts', 'dapps', 'boards/b']) {
    paths.push(`/v1/diff?in=${encodeURIComponent(kind)}&from=${middle}&to=${end}`);
  }
  paths.push(`/v1/log/tile/0/000.p/${end}`);
  // The tree is signed a moment later.
  await vi.waitFor(async () => {
    expect((await strata.call('GET', `/v1/log/tile/0/000.p/${end}`)).status).toBe(200);
  }, 10_000);
  const answers = [];
  for (const path of paths) {
    const { status, body } = await strata.read(path, end);
    const text = Buffer.isBuffer(body) ? body.toString('hex') : JSON.stringify(body);
    expect(status, `${path}: ${text}`).toBe(200);
    answers.push(`${path} ${text.replaceAll(new URL(strata.url).port, 'PORT')}`);
  }
  answers.push(JSON.stringify((await strata.read(`/v1/events?limit=${end}`, end)).body.items));
  const { items } = (await strata.read('/v1/photos?tag=tag-2')).body;
  const original = await strata.read(`/v1/photos/${items[0].photo}/original`);
  expect(original.status).toBe(200);
  answers.push(items[0].title, original.body.toString('hex'));
  return answers;
}
