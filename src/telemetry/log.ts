/** Fields of a log line: plain values, or an error. */
export type LogFields = { readonly [name: string]: unknown };

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Structured logs: one JSON object a line, `{time, level, message, …fields}`. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger whose every line carries these fields too. */
  with(fields: LogFields): Logger;
}

export type LoggerOptions = {
  /** Lines below it are dropped; `info` unless told. */
  readonly level?: LogLevel;
  /** Takes one line with its newline; standard error unless told. */
  readonly write?: (line: string) => void;
  /** ms since 1970. */
  readonly clock?: () => number;
};

const RANKS: { readonly [level in LogLevel]: number } = { debug: 0, info: 1, warn: 2, error: 3 };
/** A field of such a name is never written, whatever it holds. */
const SECRET_NAME = /secret|password|authorization|cookie|token|key$/i;
/** Keys that Strata makes, and bearer tokens, wherever they stand. */
const SECRET_TEXT = /\bstrata_[\w-]{8,}|\bBearer\s+\S+/gi;
const HIDDEN = '[hidden]';
const TEXT_CHARACTERS_MAX = 8192;
const DEPTH_MAX = 4;

export function createLogger(options: LoggerOptions = {}): Logger {
  const rank = RANKS[options.level ?? 'info'];
  const write = options.write ?? ((line: string) => void process.stderr.write(line));
  const clock = options.clock ?? Date.now;

  const loggerWith = (bound: LogFields): Logger => {
    const at =
      (level: LogLevel) =>
      (message: string, fields: LogFields = {}) => {
        if (RANKS[level] < rank) return;
        const plain = plainFields({ ...bound, ...fields }, 0);
        const time = new Date(clock()).toISOString();
        write(`${JSON.stringify({ time, level, message: plainText(message), ...plain })}\n`);
      };
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      with: (fields) => loggerWith({ ...bound, ...fields }),
    };
  };
  return loggerWith({});
}

function plainFields(fields: object, depth: number): { readonly [name: string]: unknown } {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, SECRET_NAME.test(name) ? HIDDEN : plain(value, depth)]),
  );
}

function plain(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return plainText(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= DEPTH_MAX) return '[deep]';
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Error) return plainError(value, depth);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.map((item: unknown) => plain(item, depth + 1));
  return plainFields(value, depth + 1);
}

function plainError(error: Error, depth: number): { readonly [name: string]: unknown } {
  return {
    name: error.name,
    ...('code' in error ? { code: String(error.code) } : {}),
    message: plainText(error.message),
    stack: plainText(error.stack ?? ''),
    ...(error.cause === undefined ? {} : { cause: plain(error.cause, depth + 1) }),
  };
}

function plainText(text: string): string {
  return text.slice(0, TEXT_CHARACTERS_MAX).replace(SECRET_TEXT, HIDDEN);
}
