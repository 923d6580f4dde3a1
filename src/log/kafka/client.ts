import { readFileSync } from 'node:fs';
import type { Kafka, LogEntry, SASLOptions } from 'kafkajs';
import { errors } from '../../errors.ts';
import type { KafkaSettings } from './url.ts';

/** kafkajs has others when `NODE_ENV` is `test`: with all of them given, tests see what users get. */
export const RETRY = { initialRetryTime: 100, maxRetryTime: 2000, factor: 0.2, multiplier: 2, retries: 6 } as const;

const CONNECT_MS_MAX = 3000;
const REQUEST_MS_MAX = 10_000;
/** The same line again within this time is not told again: a broker that is away fails many requests. */
const REPEATED_MS = 30_000;
const LINES_REMEMBERED_MAX = 64;

export type KafkaClientOptions = {
  /** How long a request may take; 10 s unless told. */
  readonly requestTimeoutMs?: number;
  readonly report?: ((message: string) => void) | undefined;
};

/**
 * A client of the brokers; nothing is connected yet. kafkajs is loaded here and nowhere else. Of what it logs, errors are
 * reported, each once in half a minute; its warnings are about defaults that are chosen here on purpose.
 *
 * @throws config.invalid when the file of authorities cannot be read
 */
export async function kafkaClient(settings: KafkaSettings, options: KafkaClientOptions = {}): Promise<Kafka> {
  const { Kafka, logLevel } = await import('kafkajs');
  const { brokers, sasl } = settings;
  return new Kafka({
    clientId: 'strata',
    brokers: inTurn(brokers),
    connectionTimeout: CONNECT_MS_MAX,
    requestTimeout: options.requestTimeoutMs ?? REQUEST_MS_MAX,
    retry: RETRY,
    logLevel: logLevel.ERROR,
    logCreator: () => reporter(options.report ?? (() => {})),
    ...(settings.tls === null ? {} : { ssl: certificates(settings) }),
    // kafkajs has a type for each mechanism, all of the same fields.
    ...(sasl === null ? {} : { sasl: sasl as SASLOptions }),
  });
}

/**
 * Each producer, consumer and admin begins with another broker: kafkajs asks the first one of a list again and again where
 * that takes connections but does not answer.
 */
function inTurn(brokers: readonly string[]): () => string[] {
  let turn = Math.floor(Math.random() * brokers.length);
  return () => {
    turn = (turn + 1) % brokers.length;
    return brokers.slice(turn, turn + 1);
  };
}

function certificates({ tls, name }: KafkaSettings): true | { ca: string } {
  if (tls?.ca == null) return true;
  try {
    return { ca: readFileSync(tls.ca, 'utf8') };
  } catch (error) {
    throw errors.error('config.invalid', `${name} cannot read its ca ${tls.ca}: ${String(error)}`, { cause: error });
  }
}

function reporter(report: (message: string) => void): (entry: LogEntry) => void {
  const toldAtMs = new Map<string, number>();
  return ({ log }) => {
    // An error that a broker answered goes to who asked, and is often tried again.
    if (log.message.startsWith('Response ')) return;
    const broker = typeof log.broker === 'string' ? ` (${log.broker})` : '';
    const reason = typeof log.error === 'string' ? `: ${log.error}` : '';
    const line = `kafka: ${log.message}${reason}${broker}`;
    const nowMs = performance.now();
    if (nowMs - (toldAtMs.get(line) ?? Number.NEGATIVE_INFINITY) < REPEATED_MS) return;
    // Dropping all of them now and then keeps it small, and tells a line twice at worst.
    if (toldAtMs.size >= LINES_REMEMBERED_MAX) toldAtMs.clear();
    toldAtMs.set(line, nowMs);
    report(line);
  };
}
