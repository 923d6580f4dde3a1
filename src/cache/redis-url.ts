import { readFileSync } from 'node:fs';
import { errors } from '../errors.ts';

/** Where a Redis is, and as whom it is asked. */
export type RedisAddress = {
  readonly host: string;
  readonly port: number;
  readonly username: string | null;
  readonly password: string | null;
  /** Number of the database. */
  readonly database: number;
  /** `null` without TLS; `ca` is a PEM of who signed the server's certificate, where the system does not know them. */
  readonly tls: { readonly ca: string | null } | null;
  /** What all keys begin with. */
  readonly prefix: string;
  /** To tell people: the address without its password. */
  readonly shown: string;
};

const PORT = 6379;
const PREFIX = /^[\w.-]{1,64}$/;

/**
 * Reads `redis://[user:password@]host[:port][/database][?prefix=strata]`; `rediss://` is the same over TLS, and takes
 * `&ca=FILE`.
 * @throws config.invalid
 */
export function readRedisUrl(text: string): RedisAddress {
  const url = URL.parse(text);
  if (url === null || !/^rediss?:$/.test(url.protocol) || url.hostname === '') throw invalid('takes redis://HOST:PORT');
  const secure = url.protocol === 'rediss:';
  const database = /^\/?(\d{0,4})$/.exec(url.pathname)?.[1];
  if (database === undefined) throw invalid('takes the number of a database after the host, as in redis://HOST:6379/1');
  const { prefix = 'strata', ca, ...unknown } = Object.fromEntries(url.searchParams);
  const [surplus] = Object.keys(unknown);
  if (surplus !== undefined) throw invalid(`has no setting "${surplus}": it takes ?prefix= and, over TLS, &ca=`);
  if (!PREFIX.test(prefix)) throw invalid('takes a prefix of letters, digits, dots, dashes and underscores');
  if (ca !== undefined && !secure) throw invalid('takes ?ca= with rediss:// only');
  const port = url.port === '' ? PORT : Number(url.port);
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port,
    username: url.username === '' ? null : decodeURIComponent(url.username),
    password: url.password === '' ? null : decodeURIComponent(url.password),
    database: Number(database),
    tls: secure ? { ca: ca === undefined ? null : readCertificate(ca) } : null,
    prefix,
    shown: `${url.protocol}//${url.hostname}:${port}/${Number(database)}`,
  };
}

function readCertificate(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw errors.error('config.invalid', `STRATA_CACHE_URL names a ca file that cannot be read: ${path}`, { cause });
  }
}

function invalid(message: string) {
  return errors.error('config.invalid', `STRATA_CACHE_URL ${message}`, {
    errors: [{ path: 'STRATA_CACHE_URL', message }],
  });
}
