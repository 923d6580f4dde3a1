import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { components, type Found } from '../components/found.ts';
import { freePorts, ServerFolder, ServerProcess } from '../components/server-process.ts';

const READY_MS_MAX = 20_000;
const REGION = 'us-east-1';
const ROOT = { id: 'strata-tests', secret: 'a-secret-for-tests' } as const;

/** The credentials of the server, as the AWS SDK reads them; none to set where its URL was given: the environment has them. */
export const S3_ENV: { readonly [name: string]: string } =
  components().s3.by === 'url'
    ? {}
    : { AWS_ACCESS_KEY_ID: ROOT.id, AWS_SECRET_ACCESS_KEY: ROOT.secret, AWS_REGION: REGION };

/** True where a real S3 server can be had: a URL in STRATA_TEST_S3_URL, Docker, or versitygw (https://github.com/versity/versitygw). */
export function hasS3Server(): boolean {
  return components().s3.by !== 'none';
}

/** True where the server can be killed, paused and given buckets: not where its URL was given. */
export function hasOwnS3Server(): boolean {
  const { by } = components().s3;
  return by === 'docker' || by === 'native';
}

/** A versitygw with one bucket, over a scratch folder, or the bucket whose URL was given. */
export class S3Server {
  readonly #found: Found = components().s3;
  #folder: ServerFolder | null = null;
  #process: ServerProcess | null = null;
  #port = 0;
  bucket = 'strata';
  region = REGION;
  endpoint = '';
  /** A prefix of this test's own in the bucket, without a slash. */
  readonly prefix = `test-${randomBytes(6).toString('hex')}`;

  /** s3://BUCKET?endpoint=&region=&prefix=, as STRATA_BLOBS_URL takes it. */
  get url(): string {
    return `s3://${this.bucket}?${new URLSearchParams({ endpoint: this.endpoint, region: this.region, prefix: this.prefix })}`;
  }

  async start(): Promise<void> {
    if (this.#found.by === 'url') {
      const { hostname, searchParams } = new URL(this.#found.url);
      this.bucket = hostname;
      this.region = searchParams.get('region') ?? process.env.AWS_REGION ?? REGION;
      this.endpoint = searchParams.get('endpoint') ?? `https://s3.${this.region}.amazonaws.com`;
      return;
    }
    this.#folder = new ServerFolder('s3');
    mkdirSync(join(this.#folder.path, 'data', this.bucket), { recursive: true });
    mkdirSync(join(this.#folder.path, 'sidecar'));
    [this.#port = 0] = await freePorts(1);
    this.endpoint = `http://127.0.0.1:${this.#port}`;
    await this.restart();
  }

  /** Starts it where it is not running, with what it had. */
  async restart(): Promise<void> {
    const found = this.#found;
    if (this.#process?.hasExited === false || this.#folder === null) return;
    if (found.by !== 'native' && found.by !== 'docker') throw new Error('there is no S3 here: ask hasS3Server() first');
    const dir = this.#folder.path;
    const listen = ['--quiet', '--port', `127.0.0.1:${this.#port}`, '--region', REGION];
    // Not every file system of a temporary folder has extended attributes.
    const store = ['posix', '--sidecar', join(dir, 'sidecar'), join(dir, 'data')];
    this.#process = new ServerProcess({
      found,
      dir,
      env: { ROOT_ACCESS_KEY: ROOT.id, ROOT_SECRET_KEY: ROOT.secret },
      command: [found.by === 'native' ? found.path : 'versitygw', ...listen, ...store],
    });
    await this.#process.until(() => answers(this.endpoint), READY_MS_MAX);
  }

  /** kill -9. */
  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  /** SIGSTOP. */
  pause(): void {
    this.#process?.pause();
  }

  resume(): void {
    this.#process?.resume();
  }

  async stop(): Promise<void> {
    await this.kill();
    this.#folder?.remove();
  }
}

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    () => true,
    () => false,
  );
}
