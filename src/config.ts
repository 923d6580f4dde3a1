import { z } from 'zod';
import { errors } from './errors.ts';

/** Ids that callers choose: dapps, boards, accounts. */
export const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

const engineUrl = (schemes: readonly string[], example: string) =>
  z.string().refine((url) => schemes.some((scheme) => url.startsWith(`${scheme}:`)), {
    error: `must begin with ${schemes.map((scheme) => `${scheme}:`).join(' or ')}, as in ${example}`,
  });

/** The environment variables that Strata reads: each with its default and what it means. `serve --help` prints them. */
export const environment = z.object({
  STRATA_HOST: z.string().min(1).default('127.0.0.1').describe('address to listen on; loopback unless told otherwise'),
  STRATA_PORT: z.coerce
    .number()
    .int()
    .min(0)
    .max(65535)
    .default(8080)
    .describe('port to listen on; 0 picks a free one'),
  STRATA_DATA_DIR: z
    .string()
    .min(1)
    .default('./data')
    .describe('folder of the embedded log, projections, keys and blobs'),
  STRATA_LOG_URL: engineUrl(['file', 'kafka', 'esdb', 'esdb+discover'], 'file:./data/log?durability=fsync')
    .optional()
    .describe(
      'log engine: file:FOLDER (default: log in the data folder; ?durability=os answers before the sync), ' +
        'kafka://HOST:PORT,… or esdb://HOST:PORT',
    ),
  STRATA_CREATE: z
    .enum(['missing', 'never'])
    .default('missing')
    .describe('whether topics and a bucket that are missing are made at start; never leaves that to strata init'),
  STRATA_ROLES: z
    .string()
    .default('api,live,projector,worker')
    .describe('what this process does, by commas: api, live, projector, worker'),
  STRATA_CLUSTER_SECRET: z
    .string()
    .min(16, { error: 'must have at least 16 characters' })
    .max(256)
    .optional()
    .describe('shared by all members: proves that a forwarded command comes from one of them'),
  STRATA_ADVERTISE_URL: z
    .url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' })
    .refine((url) => URL.parse(url) === null || URL.parse(url)!.href === `${URL.parse(url)!.origin}/`, {
      error: 'must be http://HOST:PORT or https://HOST:PORT and no more',
    })
    .optional()
    .describe('where the other members reach this one (default: the address that it listens on)'),
  STRATA_LOG_ORIGIN: z
    .string()
    .regex(/^[^\s+]{1,200}$/, { error: 'must have no spaces and no +' })
    .optional()
    .describe('name of the log in its signed checkpoints, as in example.com/log (default: strata/ and the log id)'),
  STRATA_LOG_SIGNING_KEY: z
    .string()
    .min(1)
    .optional()
    .describe('PEM file of the Ed25519 key that signs checkpoints (default: tree/signing.key in the data folder)'),
  STRATA_CACHE_URL: engineUrl(['memory', 'redis', 'rediss'], 'redis://127.0.0.1:6379')
    .default('memory:')
    .describe('cache, cooldowns and board bitfields: memory: or redis://HOST:PORT'),
  STRATA_RATE_LIMIT: z.coerce
    .number()
    .int()
    .min(1)
    .max(1_000_000)
    .optional()
    .describe('requests a second that each key, and without one each address, may send (default: any number)'),
  STRATA_TRUSTED_PROXIES: z.coerce
    .number()
    .int()
    .min(0)
    .max(10)
    .default(0)
    .describe('how many proxies stand in front, one behind the other: the caller is told by X-Forwarded-For'),
  STRATA_BLOBS_URL: engineUrl(['file', 's3'], 's3://bucket?endpoint=http://127.0.0.1:9000')
    .optional()
    .describe('blob store: file:FOLDER (default: blobs in the data folder) or s3://BUCKET?endpoint=&region=&prefix='),
  STRATA_BLOB_GRACE_SECONDS: z.coerce
    .number()
    .int()
    .min(0)
    .max(31_536_000)
    .default(86_400)
    .describe('how long a blob may lie there that nothing names, before it is deleted'),
  STRATA_ADMIN_KEY: z
    .string()
    .min(16, { error: 'must have at least 16 characters' })
    .max(256)
    .optional()
    .describe('the admin key; without it the first start makes one and prints it'),
  STRATA_METRICS_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]{16,256}$/, { error: 'must have 16 to 256 printable ASCII characters and no spaces' })
    .optional()
    .describe('token that may read /metrics and nothing else (default: it takes the key of an admin)'),
  STRATA_DAPP_DOMAIN: z
    .string()
    .regex(/^[a-z0-9.-]{1,190}$/, { error: 'must be a domain name' })
    .default('localhost')
    .describe('published dapps are served at {dapp}.THIS'),
});

/** Addresses to listen on that no other process can connect to by name. */
const EVERY_ADDRESS: readonly string[] = ['0.0.0.0', '::'];

/** Variables that the `strata` command reads, and the server does not. */
const CLIENT_VARIABLES: readonly string[] = ['STRATA_URL', 'STRATA_KEY'];

/** Begins the variables that name components for tests: servers that tests start are given them too. */
const TEST_PREFIX = 'STRATA_TEST_';

const ROLES = ['api', 'live', 'projector', 'worker'] as const;

/** What a process does; by default all of it. */
export type Role = (typeof ROLES)[number];
export const ALL_ROLES: ReadonlySet<Role> = new Set(ROLES);

/** `dir` has the segment files on this machine: the log itself, or the replica of an engine at `url`. */
export type LogConfig =
  | { readonly engine: 'embedded'; readonly dir: string; readonly durability: 'fsync' | 'os' }
  | { readonly engine: 'kafka' | 'eventstore'; readonly url: string; readonly dir: string };

export type BlobsConfig =
  | { readonly engine: 'disk'; readonly dir: string }
  | { readonly engine: 's3'; readonly url: string };

export type Config = {
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  readonly log: LogConfig;
  readonly tree: { readonly dir: string; readonly origin: string | null; readonly keyPath: string | null };
  readonly blobs: BlobsConfig & { readonly graceMs: number };
  readonly cache: { readonly engine: 'memory' } | { readonly engine: 'redis'; readonly url: string };
  /** `perSecond`: requests of one caller, `null` for any number. */
  readonly rateLimit: { readonly perSecond: number | null; readonly trustedProxies: number };
  /** False: what is missing in an engine is an error, not made. */
  readonly create: boolean;
  readonly roles: ReadonlySet<Role>;
  readonly cluster: { readonly secret: string | null; readonly advertiseUrl: string | null };
  readonly adminKey: string | null;
  readonly metricsToken: string | null;
  readonly dappDomain: string;
};

/**
 * Reads the configuration from environment variables.
 * @throws config.invalid with every mistake at once, unknown `STRATA_` variables included.
 */
export function readConfig(env: { readonly [name: string]: string | undefined }): Config {
  const given = Object.fromEntries(
    Object.entries(env).filter(
      ([name, value]) =>
        name.startsWith('STRATA_') && value !== '' && !name.startsWith(TEST_PREFIX) && !CLIENT_VARIABLES.includes(name),
    ),
  );
  const parsed = environment.strict().safeParse(given);
  const mistakes = (parsed.error?.issues ?? []).flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((name) => ({ path: name, message: 'is not a setting that Strata knows' }))
      : [{ path: issue.path.join('.'), message: issue.message }],
  );
  if (parsed.data === undefined || mistakes.length > 0) throw invalid(mistakes);
  const values = parsed.data;

  const found: { path: string; message: string }[] = [];
  const log = logConfig(values.STRATA_LOG_URL ?? `file:${values.STRATA_DATA_DIR}/log`, values.STRATA_DATA_DIR, found);
  const blobs = blobsConfig(values.STRATA_BLOBS_URL ?? `file:${values.STRATA_DATA_DIR}/blobs`, found);
  const roles = rolesOf(values.STRATA_ROLES, found);
  const cacheUrl = values.STRATA_CACHE_URL;
  const cache = cacheUrl.startsWith('memory:')
    ? ({ engine: 'memory' } as const)
    : ({ engine: 'redis', url: cacheUrl } as const);
  if (log.engine !== 'embedded') {
    // Every member of such a log must see the same cooldowns, blobs and keys.
    const why = 'is needed beside a log that several members share';
    if (cache.engine === 'memory') found.push({ path: 'STRATA_CACHE_URL', message: `redis://HOST:PORT ${why}` });
    if (blobs.engine === 'disk') found.push({ path: 'STRATA_BLOBS_URL', message: `s3://BUCKET ${why}` });
    if (values.STRATA_CLUSTER_SECRET === undefined) found.push({ path: 'STRATA_CLUSTER_SECRET', message: why });
    if (values.STRATA_ADVERTISE_URL === undefined && EVERY_ADDRESS.includes(values.STRATA_HOST)) {
      const message = `is needed beside STRATA_HOST=${values.STRATA_HOST}: that says not where others reach this process`;
      found.push({ path: 'STRATA_ADVERTISE_URL', message });
    }
  } else {
    // Nobody else can open the log, so what this process does not do is not done.
    for (const role of ['projector', 'worker'] as const) {
      if (roles.has(role)) continue;
      found.push({ path: 'STRATA_ROLES', message: `must have ${role} where the log is a folder of this process` });
    }
  }
  if (found.length > 0) throw invalid(found);
  return {
    host: values.STRATA_HOST,
    port: values.STRATA_PORT,
    dataDir: values.STRATA_DATA_DIR,
    log,
    tree: {
      dir: `${values.STRATA_DATA_DIR}/tree`,
      origin: values.STRATA_LOG_ORIGIN ?? null,
      keyPath: values.STRATA_LOG_SIGNING_KEY ?? null,
    },
    blobs: { ...blobs, graceMs: values.STRATA_BLOB_GRACE_SECONDS * 1000 },
    cache,
    rateLimit: { perSecond: values.STRATA_RATE_LIMIT ?? null, trustedProxies: values.STRATA_TRUSTED_PROXIES },
    create: values.STRATA_CREATE === 'missing',
    roles,
    cluster: {
      secret: values.STRATA_CLUSTER_SECRET ?? null,
      advertiseUrl: values.STRATA_ADVERTISE_URL ?? null,
    },
    adminKey: values.STRATA_ADMIN_KEY ?? null,
    metricsToken: values.STRATA_METRICS_TOKEN ?? null,
    dappDomain: values.STRATA_DAPP_DOMAIN,
  };
}

/** What a log's URL means, as STRATA_LOG_URL takes it. @throws config.invalid */
export function readLogUrl(url: string, dataDir: string): LogConfig {
  return readUrl('STRATA_LOG_URL', url, (mistakes) => logConfig(url, dataDir, mistakes));
}

/** What a blob store's URL means, as STRATA_BLOBS_URL takes it. @throws config.invalid */
export function readBlobsUrl(url: string): BlobsConfig {
  return readUrl('STRATA_BLOBS_URL', url, (mistakes) => blobsConfig(url, mistakes));
}

function readUrl<Value>(
  name: 'STRATA_LOG_URL' | 'STRATA_BLOBS_URL',
  url: string,
  read: (mistakes: Mistakes) => Value,
): Value {
  const { error } = environment.shape[name].safeParse(url);
  const mistakes: Mistakes = (error?.issues ?? []).map(({ message }) => ({ path: name, message }));
  const value = read(mistakes);
  if (mistakes.length > 0) throw invalid(mistakes);
  return value;
}

type Mistakes = { path: string; message: string }[];

function logConfig(url: string, dataDir: string, mistakes: Mistakes): LogConfig {
  if (url.startsWith('kafka:')) return { engine: 'kafka', url, dir: `${dataDir}/replica` };
  if (/^esdb(?:\+discover)?:/.test(url)) return { engine: 'eventstore', url, dir: `${dataDir}/replica` };
  const { dir, options } = fileUrl(url);
  const durability = options.get('durability') ?? 'fsync';
  const unknown = [...options.keys()].filter((name) => name !== 'durability');
  if ((durability !== 'fsync' && durability !== 'os') || unknown.length > 0 || dir === '') {
    mistakes.push({ path: 'STRATA_LOG_URL', message: 'takes file:FOLDER and ?durability=fsync or ?durability=os' });
  }
  return { engine: 'embedded', dir, durability: durability === 'os' ? 'os' : 'fsync' };
}

function blobsConfig(url: string, mistakes: Mistakes): BlobsConfig {
  if (url.startsWith('s3:')) return { engine: 's3', url };
  const { dir, options } = fileUrl(url);
  if (dir === '' || options.size > 0) mistakes.push({ path: 'STRATA_BLOBS_URL', message: 'takes file:FOLDER' });
  return { engine: 'disk', dir };
}

function rolesOf(text: string, mistakes: Mistakes): ReadonlySet<Role> {
  const names = text.split(',').map((name) => name.trim());
  const roles = new Set<Role>();
  for (const name of names) {
    const role = ROLES.find((known) => known === name);
    if (role === undefined)
      mistakes.push({ path: 'STRATA_ROLES', message: `has no role "${name}": ${ROLES.join(', ')}` });
    else roles.add(role);
  }
  return roles;
}

function invalid(mistakes: readonly { path: string; message: string }[]) {
  const lines = mistakes.map(({ path, message }) => `${path} ${message}`);
  return errors.error('config.invalid', lines.join('; '), { errors: mistakes });
}

/** `file:./data/log?durability=os`: relative folders too, which WHATWG URLs do not have. */
function fileUrl(url: string): { dir: string; options: URLSearchParams } {
  const [path = '', query = ''] = url.slice('file:'.length).split('?', 2);
  return { dir: path.replace(/^\/\/(?=\/)/, ''), options: new URLSearchParams(query) };
}
