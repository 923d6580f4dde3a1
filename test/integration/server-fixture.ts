import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig } from '../../src/config.ts';
import { type Server, startServer } from '../../src/server.ts';

export const ADMIN_KEY = 'an-admin-key-for-tests';

export type Answer = { readonly status: number; readonly headers: Headers; readonly body: Answered };
/** What a test expects is checked by the test: fields of an answer are read as they come. */
// biome-ignore lint/suspicious/noExplicitAny: answers are JSON of many shapes, and every test checks the one it asked for
export type Answered = any;

type Environment = { readonly [name: string]: string };

/** A real server on a scratch folder and a free port, with a client for it. */
export class ServerFixture {
  readonly dir = mkdtempSync(join(tmpdir(), 'strata-server-'));
  server!: Server;
  readonly #engines: () => Environment;
  #env: Environment = {};

  /** `engines` tells the settings of the engines that the server runs on; the embedded ones unless told. */
  constructor(engines: () => Environment = () => ({})) {
    this.#engines = engines;
  }

  async start(env: Environment = {}): Promise<this> {
    this.#env = env;
    const own = { STRATA_PORT: '0', STRATA_DATA_DIR: this.dir, STRATA_ADMIN_KEY: ADMIN_KEY };
    this.server = await startServer(readConfig({ ...own, ...this.#engines(), ...env }));
    return this;
  }

  async restart(): Promise<void> {
    await this.server.close();
    await this.start(this.#env);
  }

  async stop(): Promise<void> {
    await this.server.close();
    rmSync(this.dir, { recursive: true, force: true });
  }

  get url(): string {
    return this.server.url;
  }

  /** Sends JSON (or bytes with their own content type) as the admin unless headers say otherwise. */
  async call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const bytes = body instanceof Uint8Array;
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        Authorization: `Bearer ${ADMIN_KEY}`,
        ...(body === undefined || bytes ? {} : { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: bytes ? Buffer.from(body) : JSON.stringify(body) }),
      redirect: 'manual',
    });
    const type = response.headers.get('content-type') ?? '';
    const raw = Buffer.from(await response.arrayBuffer());
    return {
      status: response.status,
      headers: response.headers,
      body: type.includes('json') ? JSON.parse(String(raw)) : raw,
    };
  }

  /** A GET that waits until the projections have reached the position. */
  read(path: string, position?: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.call('GET', path, undefined, { ...(position && { 'Strata-Min-Position': position }), ...headers });
  }

  /** The secret of a new key for the account. */
  async keyOf(account: string): Promise<string> {
    const answer = await this.call('POST', `/v1/accounts/${account}/keys`, {});
    await this.read(`/v1/accounts/${account}`, answer.body.position);
    return answer.body.secret;
  }
}
