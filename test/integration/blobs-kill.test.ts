import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openDiskBlobs } from '#blobs/disk.ts';

const WRITER = fileURLToPath(new URL('./blobs-writer.ts', import.meta.url));
const KILLS = 4;
const KEPT_BEFORE_A_KILL = 40;

test('a process killed while it keeps blobs leaves every kept one, and no half one', { timeout: 60_000 }, async () => {
  const dir = await mkdtemp(join(tmpdir(), 'strata-blobs-kill-'));
  const kept = new Set<string>();
  for (let kill = 0; kill < KILLS; kill += 1) {
    const writer = fork(WRITER, [dir], { execArgv: ['--disable-warning=ExperimentalWarning'] });
    const exited = once(writer, 'exit');
    const before = kept.size;
    writer.on('message', (sha256: string) => {
      kept.add(sha256);
      if (kept.size === before + KEPT_BEFORE_A_KILL) writer.kill('SIGKILL');
    });
    await exited;
    expect(kept.size).toBeGreaterThanOrEqual(before + KEPT_BEFORE_A_KILL);

    const blobs = await openDiskBlobs({ dir });
    expect(await readdir(join(dir, 'incoming'))).toEqual([]);
    const found = (await Array.fromAsync(blobs.list())).map(({ sha256 }) => sha256);
    expect(new Set(found).isSupersetOf(kept)).toBe(true);
    for (const sha256 of found) {
      expect(
        createHash('sha256')
          .update(await blobs.read(sha256))
          .digest('hex'),
      ).toBe(sha256);
    }
  }
  await rm(dir, { recursive: true });
});
