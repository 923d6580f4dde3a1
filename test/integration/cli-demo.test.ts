import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { expect, test } from 'vitest';

const DEMO = fileURLToPath(new URL('../../src/cli/demo.ts', import.meta.url));

test('the demo tells its story on a server of its own, and leaves a picture', { timeout: 120_000 }, async () => {
  const dir = await mkdtemp(join(tmpdir(), 'strata-demo-test-'));
  try {
    const env = { ...process.env, TMPDIR: dir, STRATA_URL: 'http://127.0.0.1:9', NO_COLOR: '1' };
    const args = ['--disable-warning=ExperimentalWarning', DEMO, '--once'];
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const [out, err, code] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      new Promise((resolve) => child.once('close', resolve)),
    ]);
    expect({ code, err: code === 0 ? '' : err + out }).toEqual({ code: 0, err: '' });
    expect(out).toContain('64,000 pixels');
    expect(out).toMatch(/live accounts\/demo CreditsGranted/);
    expect(out).toMatch(/live boards\/demo 64,000 pixels in [\d,]+ binary frames/);
    expect(out).toMatch(/title: null -> "The first one"/);
    expect(out).toMatch(/available: \d+ -> \d+/);
    const [folder] = await readdir(dir);
    // The scratch server's data is gone, the pictures stay.
    expect((await readdir(join(dir, folder!))).sort()).toEqual(['board-halfway.png', 'board.png']);
    const picture = await sharp(join(dir, folder!, 'board.png')).metadata();
    expect(picture).toMatchObject({ width: 320, height: 200 });
  } finally {
    await rm(dir, { recursive: true });
  }
});
