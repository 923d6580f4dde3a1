// Runs before `npm start`, `npm test` and `npm run demo`, under whatever Node the machine has: plain JavaScript, no dependency.
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
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
