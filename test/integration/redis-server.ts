import { connect } from 'node:net';
import { components, type Found } from '../components/found.ts';
import { freePorts, ServerFolder, ServerProcess } from '../components/server-process.ts';

const READY_MS_MAX = 20_000;

/** True where a real Redis can be had: a URL in STRATA_TEST_REDIS_URL, Docker, or `redis-server`. */
export function hasRedis(): boolean {
  return components().redis.by !== 'none';
}

/** True where Redis can be killed, paused and emptied: not where its URL was given. */
export function hasOwnRedis(): boolean {
  const { by } = components().redis;
  return by === 'docker' || by === 'native';
}

/** A real Redis on a free port that keeps what it acknowledged through a kill, or the one whose URL was given. */
export class RedisServer {
  readonly #found: Found = components().redis;
  #folder: ServerFolder | null = null;
  #process: ServerProcess | null = null;
  /** redis://HOST:PORT, after `start`. */
  url = '';
  port = 0;

  async start(): Promise<this> {
    if (this.#found.by === 'url') this.url = this.#found.url;
    else {
      this.#folder = new ServerFolder('redis');
      [this.port = 0] = await freePorts(1);
      this.url = `redis://127.0.0.1:${this.port}`;
      await this.restart();
    }
    return this;
  }

  /** Starts it where it is not running; `isEmpty`: without what it had. */
  async restart({ isEmpty = false } = {}): Promise<void> {
    const found = this.#found;
    if (this.#process?.hasExited === false || this.#folder === null) return;
    if (found.by !== 'native' && found.by !== 'docker') throw new Error('there is no Redis here: ask hasRedis() first');
    if (isEmpty) this.#folder.empty();
    const dir = this.#folder.path;
    const options = {
      port: this.port,
      bind: '127.0.0.1',
      dir,
      appendonly: 'yes',
      appendfsync: 'always',
      daemonize: 'no',
    };
    const args = Object.entries({ ...options, save: '' }).flatMap(([name, value]) => [`--${name}`, String(value)]);
    this.#process = new ServerProcess({ found, dir, command: ['redis-server', ...args] });
    await this.#process.until(() => pings(this.port), READY_MS_MAX);
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

/** While it still reads its files, it answers an error. */
function pings(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.once('data', (answer) => {
      resolve(String(answer).startsWith('+PONG'));
      socket.destroy();
    });
    socket.once('error', () => resolve(false));
  });
}
