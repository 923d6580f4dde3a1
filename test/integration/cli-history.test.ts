import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readConfig } from '#src/config.ts';
import { startServer } from '#src/server.ts';
import { strata } from './cli-terminal.ts';

const adminKey = 'an-admin-key-for-the-history';
let dir: string;
let server: Awaited<ReturnType<typeof startServer>>;
let env: { [name: string]: string };

/** The event's position, and what was before it. */
let painted: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'strata-cli-history-'));
  server = await startServer(
    readConfig({ STRATA_PORT: '0', STRATA_DATA_DIR: join(dir, 'data'), STRATA_ADMIN_KEY: adminKey }),
  );
  env = { STRATA_URL: server.url, STRATA_KEY: adminKey };
  await ran('put', 'boards/demo', 'width=10', 'height=10');
  await ran('put', 'accounts', 'account=acme');
  await ran('put', 'accounts/acme/grants', 'amount=100');
  await ran('refs', 'set', 'launch');
  painted = (JSON.parse((await ran('put', 'boards/demo/pixels/3/4', 'color=5', '--json')).out) as { position: string })
    .position;
  await ran('put', 'accounts/acme/debits', 'amount=30', 'operation=pin');
});
afterAll(async () => {
  await server?.close();
  await rm(dir, { recursive: true });
});

async function ran(...args: string[]) {
  const outcome = await strata(env, ...args);
  expect(outcome, outcome.err).toMatchObject({ code: 0 });
  return outcome;
}

function lines(out: string): readonly { readonly [name: string]: unknown }[] {
  return out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly [name: string]: unknown });
}

test('log shows the newest first, filtered by stream, type, actor and time', async () => {
  const all = lines((await ran('log', '--json')).out);
  expect(all.map(({ type }) => type).slice(0, 2)).toEqual(['CreditsDebited', 'PixelPlaced']);
  expect(lines((await ran('log', '--json', '--reverse')).out)).toEqual(all.toReversed());
  expect((await ran('log', '-n', '1')).out).toMatch(
    /^position \d+ CreditsDebited\nStream: account-acme@2\nActor: {2}admin\n/,
  );
  expect((await ran('log', '--oneline', '--stream', 'account-acme')).out.trim().split('\n')).toHaveLength(3);
  expect(lines((await ran('log', '--json', '--type', 'PixelPlaced')).out)).toMatchObject([{ position: painted }]);
  expect((await ran('log', '--actor', 'account:nobody')).out).toBe('');
  const since = lines((await ran('log', '--json', '--since', 'refs/launch')).out);
  const until = lines((await ran('log', '--json', '--until', 'refs/launch')).out);
  expect([...since, ...until]).toEqual(all);
  expect((await ran('log', '--since', '-PT1H', '--json')).out).toBe((await ran('log', '--json')).out);
});

test('show tells an event and what it changed', async () => {
  expect((await ran('show', '1')).out).toMatch(/^position 1 /);
  const { out } = await ran('show', painted);
  expect(out).toContain(`position ${painted} PixelPlaced`);
  expect(out).toContain('boards/demo 3,4 -0 +5');
  expect(JSON.parse((await ran('show', '-PT0S', '--json')).out)).toMatchObject({
    event: { type: 'CreditsDebited' },
    changes: [{ in: 'accounts', key: 'acme', before: { available: 100 }, after: { available: 70 } }],
  });
});

test('diff tells everything that changed, or what changed in one place', async () => {
  const { out } = await ran('diff', 'refs/launch');
  expect(out).toContain('accounts/acme changed');
  expect(out).toContain('- available: 100\n+ available: 70');
  expect(out).toContain('boards/demo 3,4 -0 +5');
  expect((await ran('diff', 'refs/launch', painted, '--in', 'accounts', '--stat')).out).toBe(
    'accounts: 0 added, 0 removed, 0 changed\n',
  );
  expect(lines((await ran('diff', 'refs/launch', '--in', 'boards/demo', '--json')).out)).toMatchObject([
    { in: 'boards/demo', x: 3, y: 4, before: 0, after: 5, position: painted },
  ]);
  const [first] = lines((await ran('log', '--reverse', '-n', '1', '--json')).out);
  expect(first).toMatchObject({ type: 'BoardCreated' });
  // There was no board yet.
  expect((await ran('diff', '0', '1970-01-01T00:00:00Z')).out).toBe('');
  expect((await ran('diff', '0', '--prefix', 'acm')).out).toMatch(/^accounts: 1 added.*\naccounts\/acme added/);
  const picture = join(dir, 'difference.png');
  await ran('diff', '0', '--in', 'boards/demo', '--picture', picture);
  expect((await readFile(picture)).subarray(1, 4).toString()).toBe('PNG');
});

test('at runs a reading command on the state of then', async () => {
  expect(JSON.parse((await ran('at', 'refs/launch', 'get', 'accounts/acme')).out)).toMatchObject({ available: 100 });
  expect(lines((await ran('at', painted, 'log', '-n', '1', '--json')).out)).toMatchObject([{ position: painted }]);
  expect(await strata(env, 'at', painted, 'put', 'accounts')).toMatchObject({ code: 2 });
});

test('refs are listed, moved only from where they are expected, and deleted', async () => {
  expect((await ran('refs')).out).toMatch(/^ *\d+ refs\/launch\n$/);
  await ran('refs', 'set', 'paint', painted, '--expected', 'none');
  const moved = await strata(env, 'refs', 'set', 'paint', 'refs/launch', '--expected', '1');
  expect(moved).toMatchObject({ code: 1, err: expect.stringContaining('ref.moved') });
  await ran('refs', 'delete', 'paint');
  expect((await ran('refs', 'set', 'start', '-P9Y')).out).toBe('refs/start is position 0\n');
  await ran('refs', 'delete', 'start');
  expect(lines((await ran('refs', '--json')).out)).toMatchObject([{ ref: 'launch' }]);
});

test.each([[['log', '--limit', 'x']], [['diff']], [['diff', '0', '--picture', 'x.png']], [['show']], [['at', '1']]])(
  '%j is wrong usage',
  async (args) => {
    expect(await strata(env, ...args)).toMatchObject({ code: 2, out: '' });
  },
);

test('what is neither a position nor a time is refused by its name', async () => {
  const { code, err } = await strata(env, 'diff', '--foo');
  expect(code).toBe(1);
  expect(err).toContain('"--foo" is neither a position');
});
