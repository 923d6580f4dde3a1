import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kafkaClient } from '#log/kafka/client.ts';
import { prepareTopics } from '#log/kafka/topics.ts';
import { kafkaSettings } from '#log/kafka/url.ts';
import { type Brokers, hasOwnKafka, kafkaBrokers } from './kafka-brokers.ts';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
const SCRAM = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
const PLAIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required';

describe.skipIf(!hasOwnKafka() || !hasOpenssl)('TLS and SASL (skipped without own Kafka and openssl)', () => {
  let dir: string;
  let ca: string;
  let kafka: Brokers;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'strata-kafka-tls-'));
    ca = join(dir, 'certificate.pem');
    const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const files = ['-keyout', join(dir, 'key.pem'), '-out', ca];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject, ...files], {
      stdio: 'ignore',
    });
    // A value of a properties file is one line.
    const pem = (path: string) => readFileSync(path, 'utf8').trim().replaceAll('\n', '\\n');
    kafka = await kafkaBrokers(1, {
      users: ['256', '512'].map((bits) => `SCRAM-SHA-${bits}=[name=scram-${bits},password=p@ss:word/${bits}]`),
      settings: {
        'listener.security.protocol.map': 'BROKER:SASL_SSL,CONTROLLER:PLAINTEXT',
        'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
        'sasl.mechanism.inter.broker.protocol': 'PLAIN',
        'listener.name.broker.plain.sasl.jaas.config': `${PLAIN} username="broker" password="b" user_broker="b" user_plain="p@ss:word";`,
        'listener.name.broker.scram-sha-256.sasl.jaas.config': SCRAM,
        'listener.name.broker.scram-sha-512.sasl.jaas.config': SCRAM,
        'listener.name.broker.ssl.keystore.type': 'PEM',
        'listener.name.broker.ssl.keystore.certificate.chain': pem(ca),
        'listener.name.broker.ssl.keystore.key': pem(join(dir, 'key.pem')),
        'listener.name.broker.ssl.truststore.type': 'PEM',
        'listener.name.broker.ssl.truststore.certificates': pem(ca),
      },
    });
  }, 60_000);

  afterAll(async () => {
    await kafka?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  async function prepare(mechanism: string, user: string, password: string) {
    const url = kafka.url.replace('//', `//${user}:${encodeURIComponent(password)}@`);
    const settings = kafkaSettings(`${url}/t?tls=true&ca=${encodeURIComponent(ca)}&sasl=${mechanism}`);
    return prepareTopics(await kafkaClient(settings), settings, { create: true });
  }

  test.each([
    ['plain', 'plain', 'p@ss:word'],
    ['scram-sha-256', 'scram-256', 'p@ss:word/256'],
    ['scram-sha-512', 'scram-512', 'p@ss:word/512'],
  ])('%s over TLS', async (mechanism, user, password) => {
    expect(await prepare(mechanism, user, password)).toMatchObject({ topic: 't', partitions: 1 });
  });

  test('a wrong password is refused as such, and not told', { timeout: 60_000 }, async () => {
    const error = await prepare('scram-sha-512', 'scram-512', 'wrong-one').catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'engine.misconfigured' });
    expect(String(error)).not.toContain('wrong-one');
  });
});
