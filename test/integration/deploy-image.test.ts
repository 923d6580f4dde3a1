import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, globSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePorts } from '../components/server-process.ts';
import { isIgnored, ROOT, readImage } from './deployed.ts';

const image = readImage();
const MADE_OF = ['package.json', 'package-lock.json', '.npmrc', 'LICENSE', 'bin', 'commands', 'projections', 'src'];

test('the image is made of what runs, and nothing else', () => {
  expect(image.copied.toSorted()).toEqual(MADE_OF.toSorted());
  for (const path of image.copied) {
    expect(existsSync(join(ROOT, path)), path).toBe(true);
    expect(isIgnored(path), path).toBe(false);
  }
  expect(isIgnored('src/log/event-log.ts')).toBe(false);
  expect(isIgnored('src/log/embedded/postings.test.ts')).toBe(true);
  for (const path of ['data/keys', '.env', '.git/config', 'node_modules/zod', 'test/components.ts', 'docs/README.md']) {
    expect(isIgnored(path), path).toBe(true);
  }
});

test('it runs as nobody in particular, on bases that are named', () => {
  expect(image.user).toMatch(/^[1-9]\d+:[1-9]\d+$/);
  for (const base of image.bases) expect(base).toMatch(/^(node:22|debian:12)-[\w-]+$/);
});

describe('what is in the image', () => {
  const dir = mkdtempSync(join(tmpdir(), 'strata-image-'));
  const installed = join(dir, 'strata');
  const env = { ...process.env, ...image.env, STRATA_DATA_DIR: join(dir, 'data'), STRATA_HOST: '127.0.0.1' };
  const settings: { [name: string]: string | undefined } = { ...env, NODE_COMPILE_CACHE: join(dir, 'cache') };
  settings.PATH = `${installed}/node_modules/.bin:${installed}/bin:${process.env.PATH}`;

  beforeAll(() => {
    const files = image.copied.flatMap((path) =>
      statSync(join(ROOT, path)).isFile() ? [path] : globSync(`${path}/**/*`, { cwd: ROOT }),
    );
    for (const path of files) {
      if (isIgnored(path) || !statSync(join(ROOT, path)).isFile()) continue;
      mkdirSync(dirname(join(installed, path)), { recursive: true });
      cpSync(join(ROOT, path), join(installed, path));
    }
    rmSync(join(installed, 'package-lock.json'));
    symlinkSync(join(ROOT, 'node_modules'), join(installed, 'node_modules'));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  test('starts, is found well by its own check, and ends on SIGTERM', { timeout: 90_000 }, async () => {
    const [port] = await freePorts(1);
    settings.STRATA_PORT = String(port);
    const [program, ...args] = [...image.entrypoint, ...image.command];
    const check = () => {
      const [checker, ...checks] = image.health;
      return spawnSync(checker!, checks, { cwd: installed, env: settings }).status;
    };
    expect(check()).toBe(1);
    const server = spawn(program!, args, { cwd: installed, env: settings, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    server.stderr.on('data', (bytes) => {
      said += bytes;
    });
    const ended = new Promise((resolve) => server.once('exit', (code, signal) => resolve(code ?? signal)));
    try {
      await expect.poll(check, { timeout: 60_000 }).toBe(0);
    } finally {
      server.kill('SIGTERM');
    }
    expect(await ended, said).toBe(0);
  });

  test('has the command', () => {
    const { status, stdout } = spawnSync('strata', ['--version'], { env: settings, encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });
});
