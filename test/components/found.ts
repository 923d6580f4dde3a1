import { join } from 'node:path';
import { CACHE, runs } from './cache.ts';
import { dockerAnswers, hasImage } from './docker.ts';
import { hasKafkaJars, KAFKA_JARS } from './kafka-jars.ts';

/** Where a test's component comes from. `program` and `jars` are paths of this machine, or names on its path. */
export type Found =
  | { readonly by: 'url'; readonly url: string }
  | { readonly by: 'docker'; readonly image: string }
  | { readonly by: 'native'; readonly path: string }
  | { readonly by: 'none' };

export type ComponentName = 'kafka' | 'redis' | 's3' | 'eventStore';

export type Components = { readonly [name in ComponentName]: Found };

/** What names a running one, in the environment. */
export const URL_VARIABLES: { readonly [name in ComponentName]: string } = {
  kafka: 'STRATA_TEST_KAFKA_URL',
  redis: 'STRATA_TEST_REDIS_URL',
  s3: 'STRATA_TEST_S3_URL',
  eventStore: 'STRATA_TEST_ESDB_URL',
};

/** No image for EventStoreDB: tests run on a double of it, and on a real one where its URL is given. */
export const IMAGES: { readonly [name in ComponentName]: string | null } = {
  kafka: 'apache/kafka:4.3.1',
  redis: 'redis:7.2',
  s3: 'versity/versitygw:v1.8.0',
  eventStore: null,
};

export const INSTALLED_S3_SERVER = join(CACHE, 'versitygw');

/** The component as it is here now, without fetching anything: a URL that is given, an image, a program. */
export function find(name: ComponentName): Found {
  const url = process.env[URL_VARIABLES[name]];
  if (url !== undefined && url !== '') {
    // Tests add topics of their own, and settings of them.
    if (name === 'kafka' && !/^kafka:\/\/[^/?@]+$/.test(url)) {
      throw new Error(`${URL_VARIABLES.kafka} is kafka://HOST:PORT,… without topic, settings or user`);
    }
    return { by: 'url', url };
  }
  const image = IMAGES[name];
  if (image !== null && dockerAnswers() && hasImage(image)) return { by: 'docker', image };
  const path = nativePath(name);
  return path === null ? { by: 'none' } : { by: 'native', path };
}

export function nativePath(name: ComponentName): string | null {
  if (name === 'kafka') return hasKafkaJars() && runs('java') ? KAFKA_JARS : null;
  if (name === 'redis') return runs('redis-server') ? 'redis-server' : null;
  if (name === 's3') {
    const programs = [process.env.TEST_VERSITYGW, 'versitygw', INSTALLED_S3_SERVER];
    return programs.find((program) => program !== undefined && runs(program)) ?? null;
  }
  return null;
}

/** What `npm test` found or fetched before its tests; in programs of their own, what is here. */
export function components(): Components {
  const told = process.env.TEST_COMPONENTS;
  if (told !== undefined) return JSON.parse(told);
  const found = { kafka: find('kafka'), redis: find('redis'), s3: find('s3'), eventStore: find('eventStore') };
  process.env.TEST_COMPONENTS = JSON.stringify(found);
  return found;
}
