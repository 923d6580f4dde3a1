import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { environment, readConfig } from '#src/config.ts';
import { startServer } from '#src/server.ts';
import { strata } from './cli-terminal.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const adminKey = 'an-admin-key-for-the-command';
let dir: string;
let server: Awaited<ReturnType<typeof startServer>>;
let env: { [name: string]: string };

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'strata-cli-'));
  server = await startServer(
    readConfig({ STRATA_PORT: '0', STRATA_DATA_DIR: join(dir, 'data'), STRATA_ADMIN_KEY: adminKey }),
  );
  env = { STRATA_URL: server.url, STRATA_KEY: adminKey };
  expect(await strata(env, 'put', 'boards/demo', 'width=100', 'height=90')).toMatchObject({ code: 0 });
});
afterAll(async () => {
  await server?.close();
  await rm(dir, { recursive: true });
});

test('status tells that the server is ready', async () => {
  expect(await strata(env, 'status')).toMatchObject({ code: 0, out: expect.stringContaining('is ready') });
  const { out } = await strata(env, 'status', '--json');
  expect(JSON.parse(out)).toMatchObject({ ready: true });
});

test('put places a pixel, get reads it, --as-of reads what was before', async () => {
  const first = await strata(env, 'put', 'boards/demo/pixels/3/4', 'color=5', '--json');
  const { position } = JSON.parse(first.out) as { position: string };
  const second = await strata(env, 'put', 'boards/demo/pixels/3/4', 'color=7');
  expect(second.out).toContain('PixelPlaced');
  expect(JSON.parse((await strata(env, 'get', 'boards/demo/pixels/3/4')).out)).toMatchObject({ x: 3, y: 4, color: 7 });
  const past = await strata(env, 'get', 'boards/demo/pixels/3/4', '--as-of', position);
  expect(JSON.parse(past.out)).toMatchObject({ color: 5 });
});

test('a refusal is told with its code, and ends with 1', async () => {
  const { code, err } = await strata(env, 'put', 'boards/demo/pixels/100/0', 'color=5');
  expect(code).toBe(1);
  expect(err).toContain('422 board.outside');
});

test('a wrong key is told with what to do', async () => {
  const { code, err } = await strata(env, '--key', 'wrong', 'events');
  expect(code).toBe(1);
  expect(err).toContain('401 auth.unknown-key');
  expect(err).toContain('STRATA_KEY');
});

test.each([
  [['put', 'boards/demo', 'width']],
  [['put', 'boards/demo', 'width=1', '--data', '{}']],
  [['put', 'nothing/here', 'a=b']],
  [['put', 'accounts/a/holds/b']],
  [['put', 'photos', 'a=b']],
  [['events', '--limit', '0']],
  [['import', 'place', 'x.csv']],
  [['unknown']],
  [['status', '--url', 'not a url']],
])('%j is wrong usage, and ends with 2', async (args) => {
  expect(await strata(env, ...args)).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/./) });
});

test('without a server the command says so', async () => {
  const { code, err } = await strata({ ...env, STRATA_URL: 'http://127.0.0.1:9' }, 'status');
  expect(code).toBe(1);
  expect(err).toContain('no Strata server answers at http://127.0.0.1:9');
});

test('put deletes only when told to', async () => {
  await strata(env, 'put', 'accounts', 'account=held');
  await strata(env, 'put', 'accounts/held/grants', 'amount=10');
  await strata(env, 'put', 'accounts/held/holds', 'hold=h', 'amount=4', 'ttlSeconds=60');
  expect(await strata(env, 'put', 'accounts/held/holds/h', '-X', 'DELETE')).toMatchObject({ code: 0 });
  const { out } = await strata(env, 'get', 'accounts/held', '--json');
  expect(JSON.parse(out)).toMatchObject({ available: 10, held: 0 });
});

test('an idempotency key is carried out once', async () => {
  await strata(env, 'put', 'accounts', 'account=once');
  const grant = ['put', 'accounts/once/grants', 'amount=10', '--idempotency-key', 'g-1'];
  await strata(env, ...grant);
  expect((await strata(env, ...grant)).out).toContain('answered before');
  expect(JSON.parse((await strata(env, 'get', 'accounts/once')).out)).toMatchObject({ granted: 10 });
});

test('put uploads a photo and deploys a folder; get -o writes bytes', async () => {
  await strata(env, 'put', 'accounts', 'account=files');
  const path = join(dir, 'cat.jpg');
  await sharp({ create: { width: 8, height: 6, channels: 3, background: '#a52' } })
    .jpeg()
    .toFile(path);
  const added = await strata(env, 'put', 'photos?account=files', '--file', path, '--json');
  const { photo } = JSON.parse(added.out) as { photo: string };
  expect(await strata(env, 'get', `photos/${photo}/original`, '-o', join(dir, 'back.jpg'))).toMatchObject({ code: 0 });
  expect(await readFile(join(dir, 'back.jpg'))).toEqual(await readFile(path));
  const edit = await strata(env, 'put', `photos/${photo}`, 'set.title=123', 'set.rating=5', 'addTags=a,b');
  expect(edit).toMatchObject({ code: 0 });
  const edited = await strata(env, 'get', `photos/${photo}`);
  expect(JSON.parse(edited.out)).toMatchObject({ title: '123', rating: 5, tags: ['a', 'b'] });

  await strata(env, 'put', 'dapps/wall', 'account=files');
  const deployed = await strata(env, 'put', 'dapps/wall/deploys', '--file', join(ROOT, 'docs/examples/wall'));
  expect(deployed.out).toMatch(/deploy: [0-9a-f]{64}/);
  expect((await strata(env, 'get', '/dapps/wall/')).out).toContain('<title>The wall</title>');
  await writeFile(join(dir, 'not.jpg'), 'no image');
  const refused = await strata(env, 'put', 'photos?account=files', '--file', join(dir, 'not.jpg'));
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('upload.not-an-image') });
});

test('events filters, pages and prints lines of JSON', async () => {
  const { out } = await strata(env, 'events', '--stream', 'board-demo', '--json');
  const lines = out.trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ type: 'BoardCreated', revision: 0 }]);
  const typed = await strata(env, 'events', '--type', 'PixelPlaced', '--limit', '1');
  expect(typed.out).toMatch(/tile-demo-0-0@0 PixelPlaced \{.*"x":3.*\}\n$/);
  const first = await strata(env, 'events', '--after', '0', '--limit', '1', '--json');
  expect(JSON.parse(first.out)).toMatchObject({ position: '1' });
});

test('events --follow prints what is there, then what happens', { timeout: 30_000 }, async () => {
  await strata(env, 'put', 'boards/followed', 'width=10', 'height=10');
  await strata(env, 'put', 'boards/followed/pixels/0/0', 'color=1');
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      join(ROOT, 'src/cli/main.ts'),
      ...['events', '--follow', '--stream', 'tile-followed-0-0', '--limit', '3', '--json'],
    ],
    { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const xs: number[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    xs.push((JSON.parse(line) as { data: { x: number } }).data.x);
    if (xs.length < 3) await strata(env, 'put', `boards/followed/pixels/${xs.length}/0`, 'color=1');
  }
  expect(xs).toEqual([0, 1, 2]);
});

test('serve --help documents every variable', async () => {
  const { code, out } = await strata({}, 'serve', '--help');
  expect(code).toBe(0);
  for (const name of Object.keys(environment.shape)) expect(out).toContain(name);
});
