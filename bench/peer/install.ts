import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Installs the packages of `bench/peer/<name>`, which have a lock file of their own, unless they are there: they are no
 * part of Strata.
 * @throws Error when npm fails.
 */
export function installPackages(name: 'postgresql' | 'sqlite'): void {
  const dir = fileURLToPath(new URL(`./${name}`, import.meta.url));
  const writtenAtMs = (file: string) => statSync(`${dir}/${file}`, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (writtenAtMs('node_modules/.package-lock.json') >= writtenAtMs('package-lock.json')) return;
  console.error(`installing what is compared with: npm ci --prefix bench/peer/${name}`);
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: dir, stdio: ['ignore', 'ignore', 2] });
  if (status !== 0) throw new Error('npm ci failed; the lines above say why');
}

/**
 * Installs a Debian package where this program is root on Debian, and says so.
 * @throws Error with the command to run elsewhere.
 */
export function installDebianPackage(name: string): void {
  const command = `apt-get install -y ${name}`;
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) throw new Error(`needs ${name}: ${command}`);
  console.error(`installing what is compared with: ${command}`);
  const { status } = spawnSync('apt-get', ['install', '-y', name], { stdio: ['ignore', 'ignore', 2] });
  if (status !== 0) throw new Error(`${command} failed; the lines above say why`);
}
