import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where Debian puts its versions of PostgreSQL. */
const INSTALLED = '/usr/lib/postgresql';

/** The folder of the newest version's programs, or `null` where there is none. */
export function postgresqlFolder(): string | null {
  if (!existsSync(INSTALLED)) return null;
  const [newest] = readdirSync(INSTALLED).sort((a, b) => Number(b) - Number(a));
  return newest === undefined ? null : join(INSTALLED, newest, 'bin');
}

/** A fresh cluster in a scratch folder, listening on a socket in it alone. It refuses to run as root, so root lends it to `postgres`. */
export async function startPostgres(): Promise<{ readonly dir: string; stop(): Promise<void> }> {
  const dir = mkdtempSync(join(tmpdir(), 'strata-postgresql-'));
  const bin = postgresqlFolder();
  if (bin === null) throw new Error('PostgreSQL is not installed');
  const asOwner = (program: string, ...args: string[]): [string, string[]] =>
    process.getuid?.() === 0
      ? ['runuser', ['-u', 'postgres', '--', join(bin, program), ...args]]
      : [join(bin, program), args];
  if (process.getuid?.() === 0) {
    const [uid, gid] = ['-u', '-g'].map((flag) => Number(spawnSync('id', [flag, 'postgres']).stdout));
    chownSync(dir, uid!, gid!);
  }
  const data = join(dir, 'data');
  const made = spawnSync(...asOwner('initdb', '-D', data, '-U', 'postgres', '--auth=trust', '--no-sync'), { cwd: dir });
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`);

  const settings = ['max_connections=100', 'shared_buffers=512MB', 'listen_addresses='];
  const [program, args] = asOwner('postgres', '-D', data, '-k', dir, ...settings.flatMap((setting) => ['-c', setting]));
  const server = spawn(program, args, { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = once(server, 'exit');
  let said = '';
  const ready = (async () => {
    for await (const text of server.stderr) {
      said += text;
      if (said.includes('ready to accept connections')) return;
    }
    throw new Error(`PostgreSQL did not start: ${said}`);
  })();
  await ready;
  server.stderr.resume();
  return {
    dir,
    async stop() {
      spawnSync(...asOwner('pg_ctl', 'stop', '-D', data, '-m', 'fast'), { cwd: dir });
      await exited;
      rmSync(dir, { recursive: true });
    },
  };
}
