import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ADMIN_KEY, type Answered } from './server-fixture.ts';

const ROUNDS = 3;
const CALLERS = 16;
const ACKNOWLEDGED_A_ROUND = 400;
const GRANTED = 1_000_000;

let dir: string;
let child: ChildProcess;
let url: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'strata-kill-'));
});

afterEach(async () => {
  await kill();
  rmSync(dir, { recursive: true, force: true });
});

async function start(): Promise<void> {
  const env = { ...process.env, STRATA_PORT: '0', STRATA_DATA_DIR: dir, STRATA_ADMIN_KEY: ADMIN_KEY };
  child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', 'src/main.ts'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  url = await new Promise((resolve, reject) => {
    let printed = '';
    child.stdout?.on('data', (text) => {
      printed += text;
      const address = /http:\/\/\S+/.exec(printed);
      if (address !== null) resolve(address[0]);
    });
    child.once('exit', () => reject(new Error(`the server ended: ${printed}`)));
  });
}

async function kill(): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { Authorization: `Bearer ${ADMIN_KEY}`, 'Content-Type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Answered };
}

test('kill -9 under load: all that was acknowledged is there once, and balances add up', {
  timeout: 60_000,
}, async () => {
  await start();
  await call('PUT', '/v1/boards/b', { width: 256, height: 256 });
  await call('POST', '/v1/accounts', { account: 'acme' });
  await call('POST', '/v1/accounts/acme/grants', { amount: GRANTED });
  const acknowledged = new Map<string, string>();
  /** Keys that were sent, whether or not an answer came. */
  const sent: string[] = [];

  for (let round = 0; round < ROUNDS; round += 1) {
    let answered = 0;
    const callers = Array.from({ length: CALLERS }, async (_, caller) => {
      for (let n = 0; ; n += 1) {
        const key = `${round}-${caller}-${n}`;
        sent.push(key);
        try {
          const pixel = await call('PUT', `/v1/boards/b/pixels/${caller}/${n % 256}`, { color: round + 1 });
          const debit = await call(
            'POST',
            '/v1/accounts/acme/debits',
            { amount: 1, operation: 'pin' },
            { 'Idempotency-Key': key },
          );
          expect([pixel.status, debit.status]).toEqual([200, 201]);
          acknowledged.set(debit.body.events[0].id, key);
          acknowledged.set(pixel.body.events[0].id, 'pixel');
          answered += 1;
        } catch (error) {
          if (error instanceof TypeError) return; // the connection broke: the server is gone
          throw error;
        }
      }
    });
    await expect.poll(() => answered, { timeout: 30_000, interval: 5 }).toBeGreaterThan(ACKNOWLEDGED_A_ROUND);
    await kill();
    await Promise.all(callers);
    await start();
  }

  const events = await allEvents();
  const ids = events.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  const missing = [...acknowledged.keys()].filter((id) => !new Set(ids).has(id));
  expect(missing).toEqual([]);
  const next = new Map<string, number>();
  for (const { stream, revision } of events) {
    expect(revision).toBe(next.get(stream) ?? 0);
    next.set(stream, revision + 1);
  }

  // What was sent and not answered is sent again: its key makes it count once, whether it had arrived or not.
  let position = '';
  for (let at = 0; at < sent.length; at += 1000) {
    const commands = sent.slice(at, at + 1000).map((idempotencyKey) => ({
      type: 'DebitCredits',
      data: { account: 'acme', amount: 1, operation: 'pin' },
      idempotencyKey,
    }));
    const { results } = (await call('POST', '/v1/commands', commands)).body;
    position = results.at(-1).position;
  }
  const account = await call('GET', '/v1/accounts/acme', undefined, { 'Strata-Min-Position': position });
  expect(account.body).toMatchObject({ spent: sent.length, available: GRANTED - sent.length, held: 0, expired: 0 });
});

type Listed = { readonly id: string; readonly stream: string; readonly revision: number; readonly position: string };

async function allEvents(): Promise<Listed[]> {
  const events: Listed[] = [];
  for (let after = '0'; ; ) {
    const { items, next } = (await call('GET', `/v1/events?after=${after}&limit=1000`)).body;
    events.push(...items);
    if (next === null) return events;
    after = items.at(-1).position;
  }
}
