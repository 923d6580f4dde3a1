import { readFileSync } from 'node:fs';
import {
  type ConnectionOptions,
  parseConnectionString,
} from '@eventstore/db-client/dist/Client/parseConnectionString.js';
import { errors } from '../../errors.ts';

const DEFAULT_PREFIX = 'strata.';
/** Server events begin with `$`; the rest keeps stream names readable in URLs and consoles. */
const PREFIX = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const SETTINGS: readonly string[] = [
  'tls',
  'tlsCAFile',
  'userCertFile',
  'userKeyFile',
  'connectionName',
  'nodePreference',
  'discoveryInterval',
  'maxDiscoverAttempts',
  'gossipTimeout',
  'keepAliveInterval',
  'keepAliveTimeout',
];

export type EventStoreSettings = {
  /** Before every stream's name on the server. */
  readonly prefix: string;
  readonly connection: ConnectionOptions;
};

/**
 * Reads `esdb://[user:password@]host:port[,…]?tls=false&prefix=strata.`, the connection string of the server's own clients, and the
 * prefix, which only Strata knows.
 * @throws config.invalid; what it says never has the password
 */
export function eventStoreSettings(url: string): EventStoreSettings {
  const [address = '', query = ''] = url.split('?', 2);
  const prefixes: string[] = [];
  const settings = query.split('&').filter((setting) => {
    const [name = '', value = ''] = setting.split('=', 2);
    if (name === 'prefix') prefixes.push(value);
    else if (setting !== '' && !SETTINGS.some((known) => known.toLowerCase() === name.toLowerCase())) {
      throw invalid(`has no setting "${name}": ${['prefix', ...SETTINGS].join(', ')}`);
    }
    return name !== 'prefix' && setting !== '';
  });
  const prefix = prefixes[0] ?? DEFAULT_PREFIX;
  if (!PREFIX.test(prefix)) throw invalid('takes as its prefix letters, digits, ".", "-" and "_", at most 63');
  let connection: ConnectionOptions;
  try {
    connection = parseConnectionString(address + (settings.length > 0 ? `?${settings.join('&')}` : ''));
  } catch {
    throw invalid('is not like esdb://user:password@host:2113,host2:2113?tls=false');
  }
  return { prefix, connection };
}

/** How a channel is secured, its files read. */
export function channelSecurity({ tls, tlsCAFile, userCertFile, userKeyFile }: ConnectionOptions) {
  const read = (file: string | undefined) => (file === undefined ? undefined : readFile(file));
  const [rootCertificate, cert, key] = [read(tlsCAFile), read(userCertFile), read(userKeyFile)];
  if ((cert === undefined) !== (key === undefined)) throw invalid('takes userCertFile and userKeyFile together');
  return {
    insecure: tls === false,
    ...(rootCertificate !== undefined && { rootCertificate }),
    ...(cert !== undefined && key !== undefined && { userCertFile: cert, userKeyFile: key }),
  };
}

function readFile(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw errors.error('config.invalid', `STRATA_LOG_URL names ${path}, which cannot be read`, { cause });
  }
}

function invalid(message: string) {
  return errors.error('config.invalid', `STRATA_LOG_URL ${message}`, {
    errors: [{ path: 'STRATA_LOG_URL', message }],
  });
}
