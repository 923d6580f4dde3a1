import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { programPath } from '../components/programs.ts';
import { freePorts, ServerFolder, ServerProcess } from '../components/server-process.ts';
import { filled, source } from './deployed.ts';
import { ADMIN_KEY, ServerFixture } from './server-fixture.ts';

const nginx = programPath('nginx');
const AUTHORIZED = { authorization: `Bearer ${ADMIN_KEY}` };

/** Two logs of their own, told apart by the width of their board: what matters here is who is asked. */
describe.skipIf(nginx === null)('deploy/nginx', () => {
  const members = [new ServerFixture(), new ServerFixture()] as const;
  let folder: ServerFolder;
  let proxy: ServerProcess;
  let url: string;

  beforeAll(async () => {
    folder = new ServerFolder('nginx');
    const dir = folder.path;
    for (const [at, member] of members.entries()) {
      await member.start();
      for (const board of ['wall', 'asked-once', 'grows-old', 'with-key']) {
        const settings = { width: 16 * (at + 1), height: 16, cooldownSeconds: 0 };
        const made = await member.call('PUT', `/v1/boards/${board}`, settings);
        await member.read(`/v1/boards/${board}`, made.body.position);
      }
    }
    const [port = 0] = await freePorts(1);
    url = `http://127.0.0.1:${port}`;
    const env = {
      STRATA_1: new URL(members[0].url).host,
      STRATA_2: new URL(members[1].url).host,
      NGINX_PORT: String(port),
      NGINX_CACHE_DIR: `${dir}/cache`,
    };
    mkdirSync(`${dir}/conf.d`);
    writeFileSync(`${dir}/nginx.conf`, source('deploy/nginx/nginx.conf').replace('/var/log/nginx', dir));
    writeFileSync(`${dir}/conf.d/strata.conf`, filled(source('deploy/nginx/strata.conf.template'), env));
    // Where the image has folders of its own.
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
    const paths = temporary.map((name) => `${name}_temp_path ${dir}/${name};`);
    writeFileSync(`${dir}/conf.d/paths.conf`, paths.join('\n'));
    // One process, which ends when it is told to: the master leaves its workers behind.
    const globals = `daemon off; master_process off; pid ${dir}/nginx.pid;`;
    const command = [nginx!, '-e', 'stderr', '-p', dir, '-c', `${dir}/nginx.conf`, '-g', globals] as const;
    const checked = spawnSync(command[0], ['-t', ...command.slice(1)], { encoding: 'utf8' });
    expect(checked.stderr).toContain('test is successful');
    expect(checked.stderr).not.toContain('[warn]');
    proxy = new ServerProcess({ found: { by: 'native', path: nginx! }, command, dir });
    const answers = async () => (await fetch(`${url}/healthz`).catch(() => null))?.status === 200;
    await proxy.until(answers, 10_000);
  });
  afterAll(async () => {
    await proxy?.kill();
    folder?.remove();
    for (const member of members) await member.stop();
  });

  /** Whose board is answered. */
  async function asked(headers: { readonly [name: string]: string } = AUTHORIZED): Promise<number> {
    const answer = (await (await fetch(`${url}/v1/boards/wall`, { headers })).json()) as { readonly width: number };
    return answer.width / 16;
  }

  test('both members are asked', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => asked()));
    expect(new Set(answers)).toEqual(new Set([1, 2]));
  });

  test('what is public and may be kept is asked for once, however many look', async () => {
    const path = `${url}/v1/boards/asked-once.png`;
    const looks = await Promise.all(Array.from({ length: 30 }, () => fetch(path)));
    const states = looks.map(({ headers }) => headers.get('x-cache'));
    expect(looks.every(({ status }) => status === 200)).toBe(true);
    expect(states.filter((state) => state === 'MISS')).toHaveLength(1);
    expect(states.filter((state) => state === 'HIT')).toHaveLength(29);
    const tag = looks[0]!.headers.get('etag')!;
    const again = await fetch(path, { headers: { 'if-none-match': tag } });
    expect(again.status).toBe(304);
  });

  test('when it is old, it is served once more while it is fetched anew', async () => {
    const path = `${url}/v1/boards/grows-old/bitmap`;
    await fetch(path);
    const seen: (string | null)[] = [];
    await expect
      .poll(
        async () => {
          seen.push((await fetch(path)).headers.get('x-cache'));
          return seen;
        },
        { timeout: 10_000, interval: 200 },
      )
      .toContain('STALE');
    await expect.poll(async () => (await fetch(path)).headers.get('x-cache')).toBe('HIT');
    // Nobody had to wait for it.
    expect(seen.slice(0, -1)).not.toContain('MISS');
    expect(seen).not.toContain('EXPIRED');
  });

  test('who sends a key, or asks for a position, is answered by a member', async () => {
    const path = `${url}/v1/boards/with-key.png`;
    await fetch(path);
    expect((await fetch(path)).headers.get('x-cache')).toBe('HIT');
    expect((await fetch(path, { headers: AUTHORIZED })).headers.get('x-cache')).toBe('BYPASS');
    expect((await fetch(path, { headers: { 'strata-min-position': '1' } })).headers.get('x-cache')).toBe('BYPASS');
    expect((await fetch(path, { headers: { authorization: 'Bearer nobody-has-this' } })).status).toBe(401);
  });

  test('what belongs to an account is never kept', async () => {
    for (const member of members) await member.call('POST', '/v1/accounts', { account: 'acme' });
    for (let time = 0; time < 3; time += 1) {
      const answer = await fetch(`${url}/v1/accounts/acme`, { headers: AUTHORIZED });
      expect(answer.headers.get('x-cache')).toBe('BYPASS');
    }
    expect((await fetch(`${url}/v1/accounts/acme`)).status).toBe(401);
  });

  test('live goes through, frames and all', async () => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/live`);
    socket.binaryType = 'arraybuffer';
    const heard: string[] = [];
    socket.onmessage = ({ data }) => heard.push(typeof data === 'string' ? JSON.parse(data).op : 'frame');
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = reject;
    });
    socket.send(JSON.stringify({ op: 'subscribe', topic: 'boards/wall' }));
    await expect.poll(() => heard).toEqual(['subscribed']);
    for (const member of members) await member.call('PUT', '/v1/boards/wall/pixels/1/1', { color: 3 });
    await expect.poll(() => heard).toEqual(['subscribed', 'frame']);
    socket.close();
  });

  test('commands and uploads go through', async () => {
    const json = { ...AUTHORIZED, 'content-type': 'application/json' };
    const placed = await fetch(`${url}/v1/boards/wall/pixels/2/2`, {
      method: 'PUT',
      headers: json,
      body: '{"color":4}',
    });
    expect(placed.status).toBe(200);
    const headers = { ...AUTHORIZED, 'content-type': 'image/png' };
    const body = Buffer.from(await (await fetch(`${url}/v1/boards/wall.png`)).arrayBuffer());
    expect((await fetch(`${url}/v1/photos`, { method: 'POST', headers, body })).status).toBe(201);
    const large = Buffer.alloc(2 * 1024 * 1024, ' ');
    const refused = await fetch(`${url}/v1/commands`, { method: 'POST', headers: json, body: large });
    expect(refused.headers.get('content-type')).toBe('application/problem+json');
    expect(refused.status).toBe(413);
  });

  test('dapps are told apart by host', async () => {
    const status = await new Promise((resolve, reject) => {
      const asking = request(`${url}/v1/boards/wall`, { headers: { host: 'nobody.localhost' } }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      asking.on('error', reject).end();
    });
    expect(status).toBe(404);
  });

  test('metrics and what members say to each other are not for outside', async () => {
    for (const path of ['/metrics', '/v1/cluster/commands']) {
      const answer = await fetch(`${url}${path}`, { headers: AUTHORIZED });
      expect(answer.status).toBe(404);
      expect(answer.headers.get('content-type')).toBe('text/html');
    }
  });

  test('without one member, everything is answered by the other', async () => {
    await members[1].server.close();
    const reads = await Promise.all(Array.from({ length: 20 }, () => asked()));
    expect(new Set(reads)).toEqual(new Set([1]));
    const json = { ...AUTHORIZED, 'content-type': 'application/json' };
    for (let time = 0; time < 6; time += 1) {
      const body = JSON.stringify({ amount: 1, expiresAt: '2099-01-01T00:00:00.000Z' });
      const answer = await fetch(`${url}/v1/accounts/acme/grants`, { method: 'POST', headers: json, body });
      expect(answer.status).toBe(201);
    }
    await members[1].start();
  });
});
