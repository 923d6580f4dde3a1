import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const INSTALL_MS_MAX = 8 * 60_000;

/** Installs packages where this is root on Debian, and says so; elsewhere says what to run. False: they are not there. */
export function aptInstall(...packages: readonly string[]): boolean {
  const command = ['apt-get', 'install', '--yes', '--no-install-recommends', ...packages];
  if (!existsSync('/etc/debian_version') || process.getuid?.() !== 0) {
    console.error(`components: missing here: ${packages.join(', ')}. On Debian: sudo ${command.join(' ')}`);
    return false;
  }
  console.error(`components: ${command.join(' ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const run = (args: readonly string[]) =>
    spawnSync('apt-get', args, { env, stdio: ['ignore', 'ignore', 'inherit'], timeout: INSTALL_MS_MAX }).status === 0;
  const args = command.slice(1);
  // The lists of packages may be old or missing.
  return run(args) || (run(['update']) && run(args));
}
