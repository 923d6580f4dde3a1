import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** `TEST_VERSITYGW` names the program, if it is not on the path. */
const PROGRAM = process.env.TEST_VERSITYGW ?? 'versitygw';

export const S3_ENV = {
  AWS_ACCESS_KEY_ID: 'strata-tests',
  AWS_SECRET_ACCESS_KEY: 'a-secret-for-tests',
  AWS_REGION: 'us-east-1',
} as const;

/** True where a real S3 server can be started: versitygw (https://github.com/versity/versitygw). */
export function hasS3Server(): boolean {
  try {
    execFileSync(PROGRAM, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A versitygw with one bucket, over a scratch folder. */
export class S3Server {
  readonly bucket = 'strata';
  readonly #dir = mkdtempSync(join(tmpdir(), 'strata-s3-'));
  #child: ChildProcess | null = null;
  endpoint = '';

  async start(): Promise<void> {
    const port = await freePort();
    const data = join(this.#dir, 'data');
    mkdirSync(join(data, this.bucket), { recursive: true });
    this.endpoint = `http://127.0.0.1:${port}`;
    const sidecar = join(this.#dir, 'sidecar');
    mkdirSync(sidecar);
    const args = [
      '--quiet',
      '--port',
      `127.0.0.1:${port}`,
      '--region',
      S3_ENV.AWS_REGION,
      'posix',
      '--sidecar',
      sidecar,
      data,
    ];
    this.#child = spawn(PROGRAM, args, {
      env: {
        ...process.env,
        ROOT_ACCESS_KEY: S3_ENV.AWS_ACCESS_KEY_ID,
        ROOT_SECRET_KEY: S3_ENV.AWS_SECRET_ACCESS_KEY,
      },
      stdio: 'ignore',
    });
    while (!(await answers(this.endpoint))) {
      if (this.#child.exitCode !== null) throw new Error('the S3 server ended at once');
    }
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child !== null && child.exitCode === null) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await gone;
    }
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    () => true,
    () => false,
  );
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
