// Runs before `npm start`, `npm test` and `npm run demo`, under whatever Node the machine has: plain JavaScript, no dependency.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** When the file was last written, in ms since 1970, or 0 where there is none. */
function writtenAtMs(path) {
  return statSync(`${root}/${path}`, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

// npm writes this file last, so a broken install is repeated.
if (writtenAtMs('node_modules/.package-lock.json') < writtenAtMs('package-lock.json')) {
  console.error('strata: installing dependencies (once)');
  const install = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (install.status !== 0) {
    console.error(
      'strata: `npm ci` failed; the lines above say why. The npm registry must be reachable for the first start.',
    );
    process.exit(1);
  }
}

// Where no pinned Node is published for the machine, its own has to run TypeScript and have a binary of uWebSockets.js.
if (!existsSync(`${root}/node_modules/.bin/node`)) {
  const { versions, platform, arch } = process;
  const binary = `uws_${platform}_${arch}_${versions.modules}.node`;
  const folders = ['dist/bin/', ''].map((folder) => `${root}/node_modules/uWebSockets.js/${folder}${binary}`);
  const mistakes = [];
  if (process.features.typescript === undefined || process.features.typescript === false) {
    mistakes.push('it does not run TypeScript (22.18 and later, 23.6 and later do)');
  }
  if (!folders.some(existsSync)) mistakes.push('uWebSockets.js has no binary for it (22 has one)');
  if (mistakes.length > 0) {
    console.error(`strata: no Node is pinned for ${platform} ${arch}, and Node ${versions.node} does not serve:`);
    for (const mistake of mistakes) console.error(`  ${mistake}`);
    console.error('docs/decisions/0003-uwebsockets-package.md tells how to use another Node.');
    process.exit(1);
  }
}
