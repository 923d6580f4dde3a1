import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE } from './cache.ts';
import { type BrokerPlace, JAVA_OPTIONS, LOG4J_SETTINGS, serverProperties } from './kafka-settings.ts';
import { type ServerCommand, ServerProcess } from './server-process.ts';

type Found = ServerCommand['found'];

const READY = 'Kafka Server started';
const READY_MS_MAX = 60_000;
const CLUSTER_ID = 'c3RyYXRhLWZvci10ZXN0cw';

export type BrokerOptions = {
  /** Added to server.properties. */
  readonly settings?: { readonly [name: string]: string };
  /** Users from the first start on, as in `SCRAM-SHA-512=[name=strata,password=secret]`. */
  readonly users?: readonly string[];
};

/** A real broker on its own folder: started, killed, paused and started again. */
export class KafkaBroker {
  readonly port: number;
  readonly #found: Found;
  readonly #dir: string;
  #process: ServerProcess | null = null;

  private constructor(found: Found, dir: string, port: number) {
    this.#found = found;
    this.#dir = dir;
    this.port = port;
  }

  /** A formatted broker of a cluster that is not started yet. */
  static async create(
    found: Found,
    dir: string,
    place: BrokerPlace,
    cluster: readonly BrokerPlace[],
    { settings = {}, users = [] }: BrokerOptions,
  ): Promise<KafkaBroker> {
    const own = join(dir, `node-${place.node}`);
    const data = join(own, 'data');
    mkdirSync(own);
    writeFileSync(join(own, 'log4j2.yaml'), LOG4J_SETTINGS);
    writeFileSync(join(own, 'server.properties'), serverProperties(place, cluster, data, settings));
    const formatted = join(CACHE, `kafka-formatted-${place.node}`);
    if (users.length > 0) await format(found, own, users);
    else if (existsSync(formatted)) cpSync(formatted, data, { recursive: true });
    else {
      await format(found, own, []);
      keep(data, formatted);
    }
    return new KafkaBroker(found, own, place.port);
  }

  /** Starts it where it is not running; resolves when it serves. */
  async restart(): Promise<void> {
    if (this.#process?.hasExited === false) return;
    this.#process = new ServerProcess({
      found: this.#found,
      dir: this.#dir,
      command: java(this.#found, this.#dir, 'kafka.Kafka', join(this.#dir, 'server.properties')),
    });
    await this.#process.printed(READY, READY_MS_MAX);
  }

  /** kill -9. */
  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  pause(): void {
    this.#process?.pause();
  }

  resume(): void {
    this.#process?.resume();
  }
}

function java(found: Found, dir: string, ...args: readonly string[]): [string, ...string[]] {
  const jars = found.by === 'docker' ? '/opt/kafka/libs/*' : join(found.path, '*');
  const log = `-Dlog4j2.configurationFile=${join(dir, 'log4j2.yaml')}`;
  return ['java', ...JAVA_OPTIONS, log, '-cp', jars, ...args];
}

async function format(found: Found, dir: string, users: readonly string[]): Promise<void> {
  const added = users.flatMap((user) => ['--add-scram', user]);
  const tool = ['kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', join(dir, 'server.properties'), ...added];
  const formatting = new ServerProcess({ found, dir, command: java(found, dir, ...tool) });
  await formatting.ended();
}

/** Formatting takes a second of Java a node, and its few files say neither ports nor folders: they are made once. */
function keep(data: string, formatted: string): void {
  mkdirSync(CACHE, { recursive: true });
  const copy = mkdtempSync(`${formatted}-`);
  cpSync(data, copy, { recursive: true });
  try {
    renameSync(copy, formatted);
  } catch {
    // Another process was first with the same.
    rmSync(copy, { recursive: true, force: true });
  }
}
