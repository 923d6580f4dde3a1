import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE, runs } from './cache.ts';
import { aptInstall } from './debian.ts';

const COMPOSE_GO = 'github.com/compose-spec/compose-go/v2/cmd@v2.16.2';
const INSTALL_MS_MAX = 8 * 60_000;

/** Programs that what is under `deploy/` is checked and run with. */
export type Program = 'nginx' | 'prometheus' | 'promtool' | 'compose-go';

const PATHS: { readonly [name in Program]: readonly string[] } = {
  // Not on the path of everybody.
  nginx: ['nginx', '/usr/sbin/nginx'],
  prometheus: ['prometheus'],
  promtool: ['promtool'],
  'compose-go': ['compose-go', join(CACHE, 'compose-go')],
};
const ASKED: { readonly [name in Program]: string } = {
  nginx: '-v',
  prometheus: '--version',
  promtool: '--version',
  'compose-go': '-h',
};

/** Where the program is on this machine, or `null`. */
export function programPath(name: Program): string | null {
  return PATHS[name].find((path) => runs(path, ASKED[name])) ?? null;
}

/** Fetches what is missing, where that can be done. */
export function providePrograms(): void {
  const missing = [
    ...(programPath('nginx') === null ? ['nginx'] : []),
    ...(programPath('prometheus') === null || programPath('promtool') === null ? ['prometheus'] : []),
  ];
  if (missing.length > 0) aptInstall(...missing);
  if (programPath('compose-go') === null) installComposeGo();
  for (const name of Object.keys(PATHS) as Program[]) {
    console.error(`components: ${name}: ${programPath(name) ?? 'none, so the tests that need it are skipped'}`);
  }
}

function installComposeGo(): void {
  if (!runs('go', 'version')) {
    console.error(`components: missing here: Go 1.24 or later, for go install ${COMPOSE_GO}`);
    return;
  }
  console.error(`components: go install ${COMPOSE_GO} (once)`);
  mkdirSync(CACHE, { recursive: true });
  const { status } = spawnSync('go', ['install', COMPOSE_GO], {
    env: { ...process.env, GOBIN: CACHE },
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: INSTALL_MS_MAX,
  });
  // It is called after its folder.
  if (status === 0) renameSync(join(CACHE, 'cmd'), join(CACHE, 'compose-go'));
}
