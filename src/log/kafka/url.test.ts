import { expect, test } from 'vitest';
import { kafkaSettings } from './url.ts';

const PLAIN = { topic: 'strata', partitions: null, replication: null, tls: null, sasl: null };

test('hosts alone', () => {
  expect(kafkaSettings('kafka://a:9092')).toEqual({ ...PLAIN, brokers: ['a:9092'], name: 'kafka://a:9092/strata' });
  expect(kafkaSettings('kafka://a,b:1,10.0.0.7:2/').brokers).toEqual(['a:9092', 'b:1', '10.0.0.7:2']);
});

test('a topic and what topics are made with', () => {
  const settings = kafkaSettings('kafka://a:1,b:2/shop.events?partitions=4&replication=3');
  expect(settings).toMatchObject({ topic: 'shop.events', partitions: 4, replication: 3 });
  expect(settings.name).toBe('kafka://a:1,b:2/shop.events');
});

test('TLS and SASL', () => {
  const settings = kafkaSettings('kafka://me:p%40ss%2Fw%3Ard@a:1/t?tls=true&ca=/etc/ca.pem&sasl=scram-sha-512');
  expect(settings.tls).toEqual({ ca: '/etc/ca.pem' });
  expect(settings.sasl).toEqual({ mechanism: 'scram-sha-512', username: 'me', password: 'p@ss/w:rd' });
  expect(settings.name).toBe('kafka://a:1/t');
  expect(kafkaSettings('kafka://a:1?tls=true').tls).toEqual({ ca: null });
  expect(kafkaSettings('kafka://a:1?tls=false').tls).toBe(null);
});

test.each([
  ['kafka:a:1', 'is not kafka://HOST'],
  ['kafka://', 'is not kafka://HOST'],
  ['kafka://a:1/t/u', 'is not kafka://HOST'],
  ['kafka://a:1,', 'needs a HOST'],
  ['kafka://a:70000', 'needs a HOST'],
  ['kafka://[::1]:9092', 'needs a HOST'],
  ['kafka://a:1/t~', 'topic that Kafka would not take'],
  ['kafka://a:1?partitions=0', 'partitions from 1 to 1024'],
  ['kafka://a:1?partitions=2000', 'partitions from 1 to 1024'],
  ['kafka://a:1?replication=x', 'replication from 1 to 9'],
  ['kafka://a:1?tls=yes', 'tls=true or tls=false'],
  ['kafka://a:1?ca=f', 'needs tls=true'],
  ['kafka://a:1?retention=1', 'no setting retention'],
  ['kafka://u:secret@a:1', 'needs sasl='],
  ['kafka://u:secret@a:1?sasl=oauthbearer', 'needs sasl='],
  ['kafka://a:1?sasl=plain', 'needs USER:PASSWORD@'],
  ['kafka://u@a:1?sasl=plain', 'needs USER:PASSWORD@'],
  ['kafka://u:%zzsecret@a:1?sasl=plain', 'needs USER:PASSWORD@'],
  ['kafka://u:secret/secret@a:1?sasl=plain', 'is not kafka://HOST'],
  ['kafka://u:secret?secret@a:1?sasl=plain', 'is not kafka://HOST'],
])('%s is refused, without its password', (url, words) => {
  const error = (() => {
    try {
      return kafkaSettings(url);
    } catch (thrown) {
      return thrown;
    }
  })();
  expect(error).toMatchObject({ code: 'config.invalid', message: expect.stringContaining(words) });
  expect(JSON.stringify([error, String(error)])).not.toContain('secret');
});

test('every mistake is told at once', () => {
  expect(() => kafkaSettings('kafka://a:1?partitions=0&tls=no')).toThrow(/partitions from 1.*; .*tls=true/);
});
