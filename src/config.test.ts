import { expect, test } from 'vitest';
import { readConfig } from './config.ts';

test('where the other members reach this one is an address, without a path or who signs in', () => {
  const addressOf = (STRATA_ADVERTISE_URL: string) => readConfig({ STRATA_ADVERTISE_URL }).cluster.advertiseUrl;
  for (const url of ['http://10.0.0.7:8080', 'https://strata-1.example.org']) expect(addressOf(url)).toBe(url);
  for (const url of [
    'strata-1:8080',
    'ftp://strata-1',
    'http://ada:hunter2@strata-1',
    'https://example.org/strata-1',
  ]) {
    expect(() => addressOf(url)).toThrow(expect.objectContaining({ code: 'config.invalid' }));
  }
});
