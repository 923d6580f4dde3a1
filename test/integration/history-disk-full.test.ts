import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openProjections } from '#history/folding/projections.ts';
import { testDefinitions } from '#history/folding/projections-fixture.ts';
import type { RebuildableProjections } from '#history/folding/rebuildable.ts';

const TIMEOUT_MS = 20_000;
/** Each takes some kilobytes of the disk, so that some hundred fill it. */
const PADDING = 'x'.repeat(200);
const EVENTS = 6_000;

let dir: string;
let projections: RebuildableProjections | null;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'strata-full-'));
  projections = null;
});

afterEach(async () => {
  await projections?.close();
  if (canMount) unmount(join(dir, 'data', 'projections'));
  rmSync(dir, { recursive: true });
});

const canMount = process.platform === 'linux' && process.getuid?.() === 0 && mounts();

/** A container may be root and still not mount. */
function mounts(): boolean {
  const path = mkdtempSync(join(tmpdir(), 'strata-mount-'));
  try {
    mount(path, '1m');
    unmount(path);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(path, { recursive: true });
  }
}

function mount(path: string, size: string, ...options: string[]): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', [`size=${size}`, ...options].join(','), 'tmpfs', path], {
    stdio: 'pipe',
  });
}

function unmount(path: string): void {
  execFileSync('umount', [path], { stdio: 'pipe' });
}

test.skipIf(!canMount)('a full disk stalls the fold and says so; once there is room it goes on by itself', async () => {
  const folder = join(dir, 'data', 'projections');
  mkdirSync(folder, { recursive: true });
  mount(folder, '1m');
  const data = Array.from({ length: EVENTS }, (_, at) => ({ key: `${PADDING}${at}`, amount: 1 }));
  const lines = data.map((each) => `${JSON.stringify({ type: 'Added', data: each })}\n`);
  appendFileSync(join(dir, 'events.jsonl'), lines.join(''));
  projections = await openProjections({
    dir: join(dir, 'data'),
    logDir: dir,
    projectorUrl: new URL('../../src/history/folding/projector-fixture.ts', import.meta.url),
    definitions: testDefinitions,
    synced: 0,
  });
  for (let offset = 0; projections.fault() === null && offset < EVENTS; offset += 100) {
    projections.advance(offset);
    await projections.waitFor(offset, 1_000).catch(() => undefined);
  }
  expect(projections.fault()).toMatchObject({ code: 'history.cannot-write' });
  const stood = projections.checkpoint();
  expect(stood).toBeLessThan(EVENTS);
  expect(projections.db().collection('sums').count('all', 'all')).toBe(stood);
  mount(folder, '256m', 'remount');
  projections.advance(EVENTS);
  await projections.waitFor(EVENTS, TIMEOUT_MS);
  expect(projections.fault()).toBeNull();
  expect(projections.db().collection('sums').count('all', 'all')).toBe(EVENTS);
  expect(projections.db(stood).collection('sums').count('all', 'all')).toBe(stood);
});
