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
  STRATA_LOG_URL: engineUrl(['file'], 'file:./data/log?durability=fsync')
    .optional()
    .describe('log engine: file:FOLDER (default: log in the data folder); ?durability=os answers before the sync'),
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
  STRATA_CACHE_URL: engineUrl(['memory'], 'memory:').default('memory:').describe('cache and cooldowns: memory:'),
  STRATA_BLOBS_URL: engineUrl(['file'], 'file:./data/blobs')
    .optional()
    .describe('blob store: file:FOLDER (default: blobs in the data folder)'),
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
  STRATA_DAPP_DOMAIN: z
    .string()
    .regex(/^[a-z0-9.-]{1,190}$/, { error: 'must be a domain name' })
    .default('localhost')
    .describe('published dapps are served at {dapp}.THIS'),
});

/** Variables that the `strata` command reads, and the server does not. */
const CLIENT_VARIABLES: readonly string[] = ['STRATA_URL', 'STRATA_KEY'];

export type Config = {
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  readonly log: { readonly dir: string; readonly durability: 'fsync' | 'os' };
  readonly tree: { readonly dir: string; readonly origin: string | null; readonly keyPath: string | null };
  readonly blobs: { readonly dir: string; readonly graceMs: number };
  readonly adminKey: string | null;
  readonly dappDomain: string;
};

/**
 * Reads the configuration from environment variables.
 * @throws config.invalid with every mistake at once, unknown `STRATA_` variables included.
 */
export function readConfig(env: { readonly [name: string]: string | undefined }): Config {
  const given = Object.fromEntries(
    Object.entries(env).filter(
      ([name, value]) => name.startsWith('STRATA_') && value !== '' && !CLIENT_VARIABLES.includes(name),
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

  const log = fileUrl(values.STRATA_LOG_URL ?? `file:${values.STRATA_DATA_DIR}/log`);
  const blobs = fileUrl(values.STRATA_BLOBS_URL ?? `file:${values.STRATA_DATA_DIR}/blobs`);
  const durability = log.options.get('durability') ?? 'fsync';
  const unknown = [...log.options.keys()].filter((name) => name !== 'durability');
  if ((durability !== 'fsync' && durability !== 'os') || unknown.length > 0 || log.dir === '') {
    throw invalid([{ path: 'STRATA_LOG_URL', message: 'takes file:FOLDER and ?durability=fsync or ?durability=os' }]);
  }
  if (blobs.dir === '' || blobs.options.size > 0) {
    throw invalid([{ path: 'STRATA_BLOBS_URL', message: 'takes file:FOLDER' }]);
  }
  return {
    host: values.STRATA_HOST,
    port: values.STRATA_PORT,
    dataDir: values.STRATA_DATA_DIR,
    log: { dir: log.dir, durability },
    tree: {
      dir: `${values.STRATA_DATA_DIR}/tree`,
      origin: values.STRATA_LOG_ORIGIN ?? null,
      keyPath: values.STRATA_LOG_SIGNING_KEY ?? null,
    },
    blobs: { dir: blobs.dir, graceMs: values.STRATA_BLOB_GRACE_SECONDS * 1000 },
    adminKey: values.STRATA_ADMIN_KEY ?? null,
    dappDomain: values.STRATA_DAPP_DOMAIN,
  };
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
