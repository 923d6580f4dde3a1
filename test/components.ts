import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** What is fetched is kept outside of the checkout, so that the second run is quick. */
const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'strata', 'test');
const VERSITYGW = 'github.com/versity/versitygw/cmd/versitygw@v1.8.0';
const INSTALL_MS_MAX = 8 * 60_000;

/** Runs once before all tests: finds or fetches the real components that they talk to, and says which it took. */
export default function setup(): void {
  const program = findS3Server() ?? installS3Server();
  if (program === null) {
    console.error(
      `components: no S3 server: the tests that need one are skipped. Install Go, or versitygw yourself: go install ${VERSITYGW}`,
    );
    return;
  }
  console.error(`components: the S3 server is ${program}`);
  process.env.TEST_VERSITYGW = program;
}

/** `TEST_VERSITYGW`, the path, or what an earlier run installed. */
function findS3Server(): string | null {
  const candidates = [process.env.TEST_VERSITYGW, 'versitygw', join(CACHE, 'versitygw')];
  return candidates.find((program) => program !== undefined && runs(program)) ?? null;
}

function installS3Server(): string | null {
  if (!runs('go', 'version')) return null;
  console.error(`components: go install ${VERSITYGW} (a minute or two, once)`);
  mkdirSync(CACHE, { recursive: true });
  const { status } = spawnSync('go', ['install', VERSITYGW], {
    env: { ...process.env, GOBIN: CACHE },
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: INSTALL_MS_MAX,
  });
  const program = join(CACHE, 'versitygw');
  return status === 0 && existsSync(program) ? program : null;
}

function runs(program: string, argument = '--version'): boolean {
  return spawnSync(program, [argument], { stdio: 'ignore' }).status === 0;
}
