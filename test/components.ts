import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { CACHE, runs } from './components/cache.ts';
import { aptInstall } from './components/debian.ts';
import { dockerAnswers, pullImage } from './components/docker.ts';
import {
  type ComponentName,
  type Components,
  type Found,
  find,
  IMAGES,
  nativePath,
  URL_VARIABLES,
} from './components/found.ts';
import { hostComponents } from './components/host.ts';
import { fetchKafkaJars, hasKafkaJars } from './components/kafka-jars.ts';
import { providePrograms } from './components/programs.ts';

const VERSITYGW = 'github.com/versity/versitygw/cmd/versitygw@v1.8.0';
const INSTALL_MS_MAX = 8 * 60_000;

/**
 * Runs once before all tests: finds or fetches the real components that they talk to, and says which it took. First what
 * the environment names by URL, then Docker's images, then programs of this machine. Nothing is started before a test asks.
 */
export default async function setup(): Promise<() => Promise<void>> {
  const found: Components = {
    kafka: provide('kafka', installKafka),
    redis: provide('redis', () => aptInstall('redis-server')),
    s3: provide('s3', installS3Server),
    eventStore: find('eventStore'),
  };
  for (const [name, { title, without }] of Object.entries(TITLES) as [
    ComponentName,
    (typeof TITLES)[ComponentName],
  ][]) {
    const how = found[name];
    console.error(`components: ${title}: ${how.by === 'none' ? without(URL_VARIABLES[name]) : told(how)}`);
  }
  process.env.TEST_COMPONENTS = JSON.stringify(found);
  providePrograms();
  const host = await hostComponents();
  process.env.TEST_COMPONENTS_HOST = host.url;
  return () => host.close();
}

const skipped = (variable: string) => `none, so the tests that need one are skipped; ${variable} may name one`;

const TITLES: { readonly [name in ComponentName]: { title: string; without: (variable: string) => string } } = {
  kafka: { title: 'Kafka', without: skipped },
  redis: { title: 'Redis', without: skipped },
  s3: { title: 'S3', without: skipped },
  eventStore: { title: 'EventStoreDB', without: (variable) => `the double in test/; ${variable} may name a real one` },
};

/** Passwords stay out of what is printed. */
function told(found: Exclude<Found, { by: 'none' }>): string {
  if (found.by === 'url') return found.url.replace(/\/\/[^@/]*@/, '//');
  return found.by === 'docker' ? `Docker's ${found.image}` : found.path;
}

function provide(name: ComponentName, install: () => boolean): Found {
  const found = find(name);
  if (found.by === 'url' || found.by === 'docker') return found;
  const image = IMAGES[name];
  if (image !== null && dockerAnswers()) {
    console.error(`components: docker pull ${image}`);
    if (pullImage(image)) return { by: 'docker', image };
  }
  if (found.by === 'native' || !install()) return found;
  const path = nativePath(name);
  return path === null ? found : { by: 'native', path };
}

/** Kafka's jars by Maven, and the Java that runs them. */
function installKafka(): boolean {
  const packages = [
    ...(runs('java') ? [] : ['openjdk-17-jre-headless']),
    ...(hasKafkaJars() || runs('mvn') ? [] : ['maven']),
  ];
  if (packages.length > 0 && !aptInstall(...packages)) return false;
  if (hasKafkaJars()) return true;
  console.error('components: Kafka by Maven (44 MB, once)');
  return fetchKafkaJars();
}

/** Debian's own Go is too old for it. */
function installS3Server(): boolean {
  if (!runs('go', 'version')) {
    console.error(`components: missing here: Go 1.24 or later, or versitygw itself: go install ${VERSITYGW}`);
    return false;
  }
  console.error(`components: go install ${VERSITYGW} (a minute or two, once)`);
  mkdirSync(CACHE, { recursive: true });
  const { status } = spawnSync('go', ['install', VERSITYGW], {
    env: { ...process.env, GOBIN: CACHE },
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: INSTALL_MS_MAX,
  });
  return status === 0;
}
