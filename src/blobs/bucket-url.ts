import { errors } from '../errors.ts';

const SETTINGS: readonly string[] = ['endpoint', 'region', 'prefix'];

/** Where in S3 something is kept. */
export type BucketPlace = {
  readonly bucket: string;
  /** What every key begins with: empty, or ending in `/`. */
  readonly prefix: string;
  readonly region: string;
  /** `null` for Amazon's own. */
  readonly endpoint: string | null;
};

/**
 * Reads `s3://bucket?endpoint=&region=&prefix=`; the prefix may stand as the path as well. Amazon's own endpoint, and
 * `AWS_REGION` or us-east-1, unless told.
 *
 * @throws config.invalid for a URL that is none of these. Credentials have no place in it.
 */
export function parseBucketUrl(url: string): BucketPlace {
  const { protocol, hostname, pathname, searchParams, username, password } = URL.parse(url) ?? new URL('about:blank');
  const unknown = [...searchParams.keys()].some((name) => !SETTINGS.includes(name));
  const endpoint = searchParams.get('endpoint');
  const path = trimmed(pathname);
  const prefix = searchParams.get('prefix');
  const hasCredentials = username !== '' || password !== '';
  const isTwice = path !== '' && prefix !== null;
  const isWrongEndpoint = endpoint !== null && !/^https?:$/.test(URL.parse(endpoint)?.protocol ?? '');
  if (protocol !== 's3:' || hostname === '' || hasCredentials || unknown || isTwice || isWrongEndpoint) {
    // Told without what stands before an `@`.
    const shown = url.replace(/\/\/[^/?]*@/, '//');
    const expected = 's3://BUCKET with ?endpoint=http…, &region= and &prefix= at most';
    throw errors.error('config.invalid', `${shown} is not ${expected}; credentials are given as for every tool of AWS`);
  }
  const start = trimmed(prefix ?? path);
  return {
    bucket: hostname,
    prefix: start === '' ? '' : `${start}/`,
    region: searchParams.get('region') ?? process.env.AWS_REGION ?? 'us-east-1',
    endpoint,
  };
}

function trimmed(path: string): string {
  return path.replace(/^\/+|\/+$/g, '');
}
