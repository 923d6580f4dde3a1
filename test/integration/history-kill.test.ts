import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { Db } from '#history/db.ts';
import { openProjections } from '#history/folding/projections.ts';
import { testDefinitions } from '#history/folding/projections-fixture.ts';
import type { RebuildableProjections } from '#history/folding/rebuildable.ts';

const EVENTS = 40_000;
const KEYS = 300;
const SIDE = 300;
const KILLS = 8;
const TIMEOUT_MS = 60_000;
const SCRIPT = fileURLToPath(new URL('./history-folding-process.ts', import.meta.url));

test('killed again and again while it folds and rebuilds, both states are those of one fold from scratch, now and in the past', async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const random = seeded(seed);
  const dir = mkdtempSync(join(tmpdir(), 'strata-kill-'));
  try {
    const events = Array.from({ length: EVENTS }, () => JSON.stringify(event(random)));
    writeFileSync(join(dir, 'events.jsonl'), `${events.join('\n')}\n`);
    let committed = 0;
    for (let kill = 0; kill < KILLS; kill++) committed = await foldAndKill(dir, committed, 1 + random() * 4_000);
    await expectSame(dir, random);
  } catch (error) {
    throw new Error(`with seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
  } finally {
    rmSync(dir, { recursive: true });
  }
}, 180_000);

function event(random: () => number) {
  if (random() < 0.4) {
    return { type: 'Added', data: { key: `key ${Math.floor(random() * KEYS)}`, amount: Math.floor(random() * 100) } };
  }
  const [x, y, color] = [random() * SIDE, random() * SIDE, random() * 256].map(Math.floor);
  return { type: 'Painted', data: { x, y, color } };
}

/** Kills the process once it committed so many events more; returns what it committed. */
async function foldAndKill(dir: string, from: number, events: number): Promise<number> {
  const folding = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', SCRIPT, join(dir, 'killed'), dir, String(EVENTS)],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let reported = '';
  folding.stderr.on('data', (chunk) => {
    reported += chunk;
  });
  const exited = once(folding, 'exit');
  let committed = from;
  let isFirst = true;
  for await (const line of createInterface(folding.stdout)) {
    committed = Number(line);
    // What was committed survives the process: it lies with the operating system.
    if (isFirst) expect(committed).toBeGreaterThanOrEqual(from);
    isFirst = false;
    if (committed >= from + events) break;
  }
  folding.kill('SIGKILL');
  await exited;
  expect(reported).toBe('');
  return committed;
}

async function expectSame(dir: string, random: () => number): Promise<void> {
  const killed = await open(join(dir, 'killed'), dir, 2);
  const fresh = await open(join(dir, 'fresh'), dir);
  try {
    await Promise.all([killed.waitFor(EVENTS, TIMEOUT_MS), fresh.waitFor(EVENTS, TIMEOUT_MS)]);
    const first = await read(killed.db());
    // The log would say so: the copy that was rebuilt through the kills takes over once it has caught up.
    expect(await killed.takenOver('test', 2, TIMEOUT_MS)).toBe(true);
    expect(first).toEqual(await read(fresh.db()));
    expect(await read(killed.db())).toEqual(await read(fresh.db()));
    for (let sample = 0; sample < 12; sample++) {
      const position = Math.floor(random() * EVENTS);
      expect(await read(killed.db(position))).toEqual(await read(fresh.db(position)));
    }
  } finally {
    await Promise.all([killed.close(), fresh.close()]);
  }
}

function open(dir: string, logDir: string, promoted = 1): Promise<RebuildableProjections> {
  const projectorUrl = new URL('../../src/history/folding/projector-fixture.ts', import.meta.url);
  const promotionOf = () => ({ version: 1, generation: promoted });
  return openProjections({ dir, logDir, projectorUrl, definitions: testDefinitions, synced: EVENTS, promotionOf });
}

async function read(db: Db) {
  const sums = db.collection('sums');
  const pixels = db.raster('pixels');
  return {
    documents: sums.scan({ prefix: '', limit: KEYS }).items.map(({ key, bytes, offset }) => [key, `${bytes}`, offset]),
    listed: sums.list({ index: 'all', value: 'all', limit: KEYS }).items.map(({ key }) => key),
    count: sums.count('all', 'all'),
    colors: Buffer.from(await pixels.pixels('board', SIDE, SIDE)).toString('base64'),
    places: Array.from({ length: 50 }, (_, at) => pixels.placement('board', at * 5, at * 3)),
    changes: pixels.changes('board'),
    lastChange: pixels.lastChange('board'),
  };
}

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
