import { hash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { errors, isStrataError, type StrataError } from '../errors.ts';
import type { RedisAddress } from './redis-url.ts';

const CONNECT_MS_MAX = 5_000;
const RETRY_MS_MAX = 1_000;
/** Older ones lack what the scripts use. */
const MAJOR_VERSION_MIN = 6;

export type RedisArgument = string | number | Buffer;

/** A Lua script; Redis knows it by its SHA-1. */
export type Script = { readonly source: string; readonly sha1: string };

export function script(source: string): Script {
  return { source, sha1: hash('sha1', source, 'hex') };
}

/** Text comes as strings, or as bytes. */
type Answered = 'call' | 'callBuffer';

export type RedisConnectionOptions = {
  readonly address: RedisAddress;
  /** How long a command may take, in ms, before it fails; whether it was done is then not known. */
  readonly commandMsMax: number;
  readonly report: (message: string) => void;
};

/**
 * One connection to Redis that comes back by itself. Nothing waits for it: while it is lost, commands fail at once, and
 * none is sent twice.
 */
export class RedisConnection {
  readonly #client: Redis;
  readonly #shown: string;
  readonly #listeners: { readonly ready: () => void; readonly lost: () => void }[] = [];
  #cause: Error | null = null;
  #isReady = false;

  private constructor(client: Redis, shown: string) {
    this.#client = client;
    this.#shown = shown;
  }

  /**
   * Connects, and looks whether the server is one to stand on.
   * @throws engine.unavailable after 5 s; engine.misconfigured where it refuses the password, is too old, or may throw
   * keys away to make room.
   */
  static async open({ address, commandMsMax, report }: RedisConnectionOptions): Promise<RedisConnection> {
    const { Redis } = await import('ioredis');
    const client = new Redis({
      host: address.host,
      port: address.port,
      db: address.database,
      ...(address.username !== null && { username: address.username }),
      ...(address.password !== null && { password: address.password }),
      ...(address.tls !== null && { tls: address.tls.ca === null ? {} : { ca: address.tls.ca } }),
      lazyConnect: true,
      protocol: 2,
      connectionName: 'strata',
      connectTimeout: CONNECT_MS_MAX,
      commandTimeout: commandMsMax,
      keepAlive: 10_000,
      // What is not answered is not known to be undone: whoever asked decides what to do about it.
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      retryStrategy: (tries) => Math.min(RETRY_MS_MAX, 25 * 2 ** Math.min(tries, 10)),
      // A primary that became a replica: ask for the one that took over.
      reconnectOnError: (error) => error.message.startsWith('READONLY'),
    });
    const connection = new RedisConnection(client, address.shown);
    connection.#watch(report);
    try {
      await connection.#firstReady();
      await connection.#check();
    } catch (error) {
      connection.close();
      throw error;
    }
    return connection;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** Why it cannot be asked now, or `null`. */
  fault(): StrataError | null {
    return this.#isReady ? null : this.#unavailable('does not answer', this.#cause ?? undefined);
  }

  /** Calls back whenever the connection came back, and whenever it is lost. */
  listen(listener: { readonly ready: () => void; readonly lost: () => void }): void {
    this.#listeners.push(listener);
  }

  /** Sends a command; text comes back as strings. @throws engine.unavailable */
  send(command: string, ...args: readonly RedisArgument[]): Promise<unknown> {
    return this.#send('call', command, args);
  }

  /** As `send`, with bytes in place of text. */
  sendForBytes(command: string, ...args: readonly RedisArgument[]): Promise<unknown> {
    return this.#send('callBuffer', command, args);
  }

  /** Runs a script, all of it or nothing, with no other command in between. @throws engine.unavailable */
  run(script: Script, keys: readonly string[], args: readonly RedisArgument[]): Promise<unknown> {
    return this.#run('call', script, [keys.length, ...keys, ...args]);
  }

  /** As `run`, with bytes in place of text. */
  runForBytes(script: Script, keys: readonly string[], args: readonly RedisArgument[]): Promise<unknown> {
    return this.#run('callBuffer', script, [keys.length, ...keys, ...args]);
  }

  /** A number that the server process has for its life. @throws engine.unavailable */
  async runId(): Promise<string> {
    return (await this.#info('server')).get('run_id') ?? '';
  }

  close(): void {
    this.#isReady = false;
    this.#listeners.length = 0;
    this.#client.disconnect();
  }

  async #send(answered: Answered, command: string, args: readonly RedisArgument[]): Promise<unknown> {
    const fault = this.fault();
    if (fault !== null) throw fault;
    try {
      return await this.#client[answered](command, [...args]);
    } catch (cause) {
      throw this.#unavailable(`did not do ${command}`, cause);
    }
  }

  async #run(answered: Answered, { sha1, source }: Script, args: readonly RedisArgument[]): Promise<unknown> {
    const fault = this.fault();
    if (fault !== null) throw fault;
    try {
      return await this.#client[answered]('EVALSHA', [sha1, ...args]);
    } catch (cause) {
      if (!(cause instanceof Error) || !cause.message.startsWith('NOSCRIPT')) {
        throw this.#unavailable('did not run a script', cause);
      }
      return await this.#send(answered, 'EVAL', [source, ...args]);
    }
  }

  #watch(report: (message: string) => void): void {
    let wasReady = false;
    this.#client.on('error', (error: Error) => (this.#cause = error));
    this.#client.on('ready', () => {
      if (wasReady) report(`Redis at ${this.#shown} answers again`);
      wasReady = true;
      this.#isReady = true;
      for (const { ready } of this.#listeners) ready();
    });
    this.#client.on('close', () => {
      if (!this.#isReady) return;
      this.#isReady = false;
      report(`Redis at ${this.#shown} is lost`);
      for (const { lost } of this.#listeners) lost();
    });
  }

  async #firstReady(): Promise<void> {
    // Rejects at the first attempt that fails; those after it go on by themselves.
    this.#client.connect().catch((error: Error) => (this.#cause ??= error));
    const ready = new Promise<void>((resolve) => this.#client.once('ready', resolve));
    const over = new Promise<null>((resolve) => setTimeout(resolve, CONNECT_MS_MAX, null).unref());
    const refused = new Promise<Error>((resolve) =>
      this.#client.on('error', (error: Error) => isRefusal(error) && resolve(error)),
    );
    const ended = await Promise.race([ready, over, refused]);
    if (ended === undefined) return;
    if (ended === null) throw this.#unavailable('does not answer', this.#cause ?? undefined);
    throw errors.error('engine.misconfigured', `Redis at ${this.#shown} refuses: ${ended.message}`, { cause: ended });
  }

  async #check(): Promise<void> {
    try {
      const version = (await this.#info('server')).get('redis_version') ?? '';
      if (Number.parseInt(version, 10) < MAJOR_VERSION_MIN) {
        throw this.#misconfigured(`is version ${version}: at least ${MAJOR_VERSION_MIN}.0 is needed`);
      }
      const memory = await this.#info('memory');
      const policy = memory.get('maxmemory_policy');
      // A cooldown that is thrown away is a pixel too early.
      if (memory.get('maxmemory') !== '0' && policy !== 'noeviction') {
        throw this.#misconfigured(`may throw keys away: maxmemory-policy must be noeviction, not ${policy}`);
      }
    } catch (error) {
      if (isStrataError(error) && error.cause instanceof Error && isRefusal(error.cause)) {
        throw this.#misconfigured(`refuses: ${error.cause.message}`);
      }
      throw error;
    }
  }

  async #info(section: string): Promise<ReadonlyMap<string, string>> {
    const lines = String(await this.send('INFO', section)).split('\r\n');
    return new Map(
      lines.filter((line) => line.includes(':')).map((line) => line.split(/:(.*)/, 2) as [string, string]),
    );
  }

  #unavailable(what: string, cause?: unknown): StrataError {
    const detail = cause instanceof Error && cause.message !== '' ? `: ${cause.message}` : '';
    return errors.error('engine.unavailable', `Redis at ${this.#shown} ${what}${detail}`, {
      retryAfterSeconds: 1,
      ...(cause !== undefined && { cause }),
    });
  }

  #misconfigured(what: string): StrataError {
    return errors.error('engine.misconfigured', `Redis at ${this.#shown} ${what}`);
  }
}

function isRefusal(error: Error): boolean {
  return /^(?:NOAUTH|WRONGPASS|NOPERM|ERR invalid (?:username|DB)|ERR DB index)/.test(error.message);
}
