import { execFileSync, spawn } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { zipFolder } from '#cli/zip-folder.ts';
import { environment, readConfig } from '#src/config.ts';
import { startServer } from '#src/server.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const PAGES = ['README.md', 'CONTRIBUTING.md', ...globSync('docs/**/*.md', { cwd: ROOT })];

type Block = { readonly code: string; readonly refused: boolean };

/** The shell blocks under the headings, in order; a comment before a block says when it is meant to be refused. */
function blocksUnder(page: string, headings: readonly string[]): Block[] {
  const sections = page.split(/^(?=#{2,3} )/m);
  const wanted = sections.filter((section) => headings.includes(/^#+ (.*)/.exec(section)?.[1] ?? ''));
  return wanted.flatMap((section) =>
    [...section.matchAll(/(<!-- refused -->\n)?```sh\n([\s\S]*?)```/g)].map((match) => ({
      code: match[2]!,
      refused: match[1] !== undefined,
    })),
  );
}

/**
 * curl is asked to fail on refusals, which the pages leave out to stay readable; and to try again, because a script reads
 * sooner after a change than a person does.
 */
function scriptOf(blocks: readonly Block[]): string {
  const commands = blocks.map(({ code, refused }) =>
    refused ? `if ( ${code.trim()} ); then echo "not refused: ${code.trim()}" >&2; exit 1; fi` : code,
  );
  return [
    'set -euo pipefail',
    'curl() { command curl --fail-with-body --retry 3 --retry-delay 1 --retry-all-errors "$@"; }',
    ...commands,
  ].join('\n');
}

/** Runs a script; what it printed is told only when it failed. */
async function bash(script: string, cwd: string, env: NodeJS.ProcessEnv): Promise<{ code: number; output: string }> {
  const child = spawn('bash', ['-c', script], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number>((resolve) => child.once('close', (status) => resolve(status ?? -1))),
  ]);
  return { code, output: code === 0 ? '' : out + err };
}

const hasCurl = (() => {
  try {
    execFileSync('curl', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

describe.skipIf(!hasCurl)('the commands that the pages show (curl is installed)', () => {
  let dir: string;
  let server: Awaited<ReturnType<typeof startServer>>;
  // Each page begins with an empty server, as its reader does.
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'strata-readme-'));
    server = await startServer(readConfig({ STRATA_PORT: '0', STRATA_DATA_DIR: join(dir, 'data') }));
    for (const folder of ['bin', 'docs']) await symlink(join(ROOT, folder), join(dir, folder));
    const cat = sharp({ create: { width: 40, height: 30, channels: 3, background: '#a52' } });
    await cat.jpeg().toFile(join(dir, 'cat.jpg'));
    await writeFile(join(dir, 'site.zip'), await zipFolder(join(ROOT, 'docs/examples/wall')));
  });
  afterEach(async () => {
    await server?.close();
    await rm(dir, { recursive: true });
  });
  const run = (blocks: readonly Block[]) => {
    const env = { ...process.env, STRATA_URL: server.url, STRATA_KEY: server.adminKey! };
    return bash(scriptOf(blocks), dir, env);
  };

  test('README', { timeout: 60_000 }, async () => {
    const sections = ['The API by example', 'Boards', 'Credits', 'Dapps', 'Photos', 'Any command, and once only'];
    const blocks = blocksUnder(read('README.md'), [...sections, 'The past, and the log', 'The strata command']);
    expect(blocks.length).toBeGreaterThan(7);
    expect(await run(blocks)).toEqual({ code: 0, output: '' });
  });

  test('getting started', { timeout: 60_000 }, async () => {
    const page = read('docs/guides/getting-started.md');
    const blocks = blocksUnder(page, ['A board', 'An account that pays', 'The past', 'A dapp and a photo']);
    expect(blocks.length).toBeGreaterThan(3);
    expect(await run(blocks)).toEqual({ code: 0, output: '' });
  });

  test('the past', { timeout: 60_000 }, async () => {
    const page = read('docs/guides/history.md');
    const headings = ['Something to look back at', 'As of then', 'How it came about', 'What changed', 'Refs'];
    headings.push('What if', 'Back to what it was');
    const blocks = blocksUnder(page, headings);
    expect(blocks.length).toBe(headings.length);
    expect(await run(blocks)).toEqual({ code: 0, output: '' });
  });
});

test('the TypeScript that the guide to the past shows', { timeout: 60_000 }, async () => {
  const code = /```ts\n([\s\S]*?)```/.exec(read('docs/guides/history.md'))![1]!;
  // Within the package, which then finds itself by its name; the data lies elsewhere.
  const file = join(ROOT, 'test', `guide-${process.pid}.ts`);
  const dir = await mkdtemp(join(tmpdir(), 'strata-guide-'));
  try {
    await writeFile(file, code);
    const args = ['--disable-warning=ExperimentalWarning', file];
    const printed = execFileSync(process.execPath, args, { cwd: dir, encoding: 'utf8' });
    for (const line of ['available: 100', 'available: 20', "path: '/available'", 'CreditsDebited'])
      expect(printed).toContain(line);
  } finally {
    await rm(file, { force: true });
    await rm(dir, { recursive: true });
  }
});

test('the configuration table is what the server reads', () => {
  const readme = read('README.md');
  for (const [name, schema] of Object.entries(environment.shape)) {
    const standard: unknown = schema.safeParse(undefined).data;
    const cell = standard === undefined ? '' : `\`${String(standard)}\` `;
    const row = readme.split('\n').find((line) => line.startsWith(`| \`${name}\` | ${cell}|`));
    expect(row?.replaceAll('`', ''), name).toContain(schema.description);
  }
});

test('every dependency has its line', () => {
  const manifest = JSON.parse(read('package.json')) as { [kind: string]: { [name: string]: string } };
  const page = read('docs/decisions/dependencies.md');
  for (const kind of ['dependencies', 'devDependencies', 'optionalDependencies']) {
    for (const name of Object.keys(manifest[kind]!)) expect(page).toContain(`\`${name}\``);
  }
});

test.each(PAGES)('the links of %s lead somewhere', (page) => {
  const links = [...read(page).matchAll(/\]\((?!https?:)([^)#]+)/g)].map((match) => match[1]!);
  const broken = links.filter((link) => !existsSync(join(ROOT, dirname(page), link)));
  expect(broken).toEqual([]);
});
