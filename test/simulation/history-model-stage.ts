import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { createCodec } from '#events/encoding.ts';
import type { EventData } from '#events/event.ts';
import { formatPosition, parsePosition } from '#events/position.ts';
import { catalogue } from '#handling/catalogue.ts';
import { openLogReader } from '#log/embedded/log-reader.ts';
import { readConfig } from '#src/config.ts';
import { domains } from '#src/domains.ts';
import { isStrataError } from '#src/errors.ts';
import { type Server, startServer } from '#src/server.ts';
import { createLogger } from '#src/telemetry/log.ts';
import { HistoryModel } from './history-model.ts';
import { type Asked, isRevert, type Late } from './history-model-commands.ts';
import type { Printing } from './history-model-items.ts';

const ADMIN_KEY = 'an-admin-key-for-tests';
const WITHIN = { timeout: 20_000, interval: 5 };
const known = catalogue(domains);
const codec = createCodec([...known.events.values()]);

// biome-ignore lint/suspicious/noExplicitAny: answers are JSON of many shapes, and are compared with what the model shows
type Body = any;

/** What a reading or a command gave: the code of its refusal, or its answer. */
export type Told = { readonly code: string | null; readonly body: Body; readonly position?: string | null };

/** The faces that a state is read through: HTTP, and the API of the process that it runs in. */
export type Face = 'http' | 'process';

/** A real server, and the model that follows its log. */
export class HistoryStage {
  readonly model = new HistoryModel();
  readonly #scratch = mkdtempSync(join(tmpdir(), 'strata-history-model-'));
  #dir = join(this.#scratch, 'data');
  #dirs = 0;
  #epoch = 1;
  server!: Server;

  async start(): Promise<this> {
    const settings = { STRATA_PORT: '0', STRATA_DATA_DIR: this.#dir, STRATA_ADMIN_KEY: ADMIN_KEY };
    this.server = await startServer(readConfig(settings), createLogger({ level: 'error' }));
    return this;
  }

  async stop(): Promise<void> {
    await this.server.close();
    rmSync(this.#scratch, { recursive: true, force: true });
  }

  get dir(): string {
    return this.#dir;
  }

  freshDir(): string {
    this.#dirs += 1;
    return join(this.#scratch, `data-${this.#dirs}`);
  }

  /** Closes the server, and starts one on the folder, once what is `between` is done. */
  async moveTo(dir: string, { epoch = this.#epoch, between = () => {} } = {}): Promise<void> {
    await this.server.close();
    between();
    if (dir !== this.#dir) rmSync(this.#dir, { recursive: true });
    this.#dir = dir;
    this.#epoch = epoch;
    await this.start();
    await this.learn();
  }

  /** A copy of all but some of the folder, as it lies there while the server runs. */
  copyTo(dir: string, isCopied: (name: string) => boolean): void {
    for (const name of readdirSync(this.#dir)) {
      if (isCopied(name)) cpSync(join(this.#dir, name), join(dir, name), { recursive: true });
    }
  }

  get epoch(): number {
    return this.#epoch;
  }

  get printing(): Printing {
    const { port } = new URL(this.server.url);
    return {
      position: (offset) => formatPosition({ epoch: this.#epoch, offsets: [offset] }),
      dappUrl: (label) => `http://${label}.localhost:${port}/`,
    };
  }

  async call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Told> {
    const response = await fetch(`${this.server.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${ADMIN_KEY}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const type = response.headers.get('content-type') ?? '';
    const raw = Buffer.from(await response.arrayBuffer());
    const answer = type.includes('ndjson') ? linesOf(raw) : type.includes('json') ? JSON.parse(String(raw)) : raw;
    expect(response.status, `${method} ${path}: ${JSON.stringify(answer).slice(0, 500)}`).toBeLessThan(500);
    const position = response.headers.get('strata-position');
    return { code: response.ok ? null : answer.code, body: answer, position };
  }

  /** A GET through one of the faces, at a position. */
  async read(face: Face, path: string, query: { readonly [name: string]: string }, when: string): Promise<Told> {
    if (face === 'http') return await this.call('GET', `${path}?${new URLSearchParams({ ...query, asOf: when })}`);
    return await told(async () => (await this.server.strata.db()).asOf(when).read(path, query));
  }

  /** Sends it, and has the model follow the log. */
  async send(asked: Asked, face: Face): Promise<Told> {
    const data = this.#resolved(asked);
    const answer = await this.#sent(asked, data, face);
    await this.learn();
    if (asked.type === 'EraseAccount' && answer.code === null) await this.#untilErased(String(data.account));
    return answer;
  }

  async #sent({ type, path }: Asked, data: { readonly [field: string]: unknown }, face: Face): Promise<Told> {
    if (path !== null) {
      const body = { ...data };
      const filled = path.replace(/\{(\w+)\}/, (_, name: string) => {
        delete body[name];
        return String(data[name]);
      });
      return await this.call('POST', filled, body);
    }
    if (face === 'http') return await this.call('POST', '/v1/commands', { type, data });
    return await told(() => this.server.strata.send(type, data));
  }

  /** What stands for something that only the log knows is put in. */
  resolve(asked: Asked): Asked {
    return isRevert(asked) ? asked : { ...asked, data: this.#resolved(asked) };
  }

  #resolved({ data }: Asked): { readonly [field: string]: unknown } {
    return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, this.#late(value)]));
  }

  #late(value: unknown): unknown {
    if (typeof value !== 'object' || value === null || !('late' in value)) return value;
    const late = value as Late;
    const { model } = this;
    if (late.late === 'position') return this.printing.position(Math.floor((model.head * (1_000 - late.back)) / 1_000));
    const made = model.events.flatMap(({ type, data }) => {
      if (late.late === 'album') return type === 'AlbumCreated' ? [data.album] : [];
      return type === 'KeyIssued' ? [data.key] : [];
    });
    // The newest ones: older albums are deleted more often.
    return made.at(-1 - late.at) ?? '0'.repeat(32);
  }

  /** Has the model follow the log to its end. */
  async learn(): Promise<void> {
    const after = this.printing.position(this.model.head);
    const { body } = await this.call('GET', `/v1/events?after=${after}`, undefined, { accept: 'application/x-ndjson' });
    if (body.length === 0) return;
    const log = openLogReader(join(this.#dir, 'log'), codec);
    try {
      for (const { position, data } of body as readonly { readonly position: string; readonly data: EventData }[]) {
        const [offset] = parsePosition(position).offsets;
        expect(offset).toBe(this.model.head + 1);
        this.model.add(log.at(offset!), data);
      }
    } finally {
      log.close();
    }
  }

  /** An erased account takes its library with it, a little later. */
  async #untilErased(account: string): Promise<void> {
    const { model } = this;
    const { head } = model;
    for (const items of ['photos', 'albums']) {
      for (const key of model.keys(items, head)) {
        if (model.document(items, key, head)!.library !== account) continue;
        const isGone = async () => (await this.call('GET', `/v1/${items}/${key}`)).code !== null;
        await expect.poll(isGone, WITHIN).toBe(true);
      }
    }
    // Titles are unreadable at every position once the key is destroyed.
    const created = model.events.find(({ type, data }) => type === 'AlbumCreated' && data.library === account);
    if (created !== undefined) {
      const path = `/v1/albums/${created.data.album}?asOf=${this.printing.position(created.offset)}`;
      await expect.poll(async () => (await this.call('GET', path)).body.title, WITHIN).toBeNull();
    }
    await this.learn();
  }
}

async function told(answer: () => Promise<unknown>): Promise<Told> {
  try {
    const body = await answer();
    return { code: null, body: body instanceof Uint8Array ? Buffer.from(body) : JSON.parse(JSON.stringify(body)) };
  } catch (error) {
    if (!isStrataError(error)) throw error;
    expect(error.status, error.message).toBeLessThan(500);
    return { code: error.code, body: null };
  }
}

function linesOf(raw: Buffer): unknown[] {
  return String(raw)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}
