import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { METRICS } from '#telemetry/metric-table.ts';
import { readMetrics, type Told, valueIn } from './metrics-text.ts';
import { ADMIN_KEY, ServerFixture } from './server-fixture.ts';

const TOKEN = 'a-token-for-prometheus';
const page = readFileSync(new URL('../../docs/reference/metrics.md', import.meta.url), 'utf8');
const ROW = /^\| `([a-z_]+)` \| (\w+) \| ([^|]*) \| ([^|]+) \|$/;

const strata = new ServerFixture();
const scrape = async () => readMetrics((await strata.call('GET', '/metrics')).body.toString());

beforeAll(() => strata.start({ STRATA_METRICS_TOKEN: TOKEN }));
afterAll(() => strata.stop());

test('docs/reference/metrics.md is the table of all metrics', () => {
  const told = page.split('\n').flatMap((line) => {
    const row = ROW.exec(line);
    return row === null ? [] : [{ name: row[1], type: row[2], labels: row[3], help: row[4] }];
  });
  const declared = Object.entries(METRICS).map(([name, { type, labels, help }]) => ({
    name,
    type,
    labels: labels.map((label) => `\`${label}\``).join(' '),
    help,
  }));
  expect(told).toEqual(declared);
});

test('an empty log is ready, and nothing waits', async () => {
  const told = await scrape();
  expect(valueIn(told, 'strata_ready')).toBe(1);
  expect(valueIn(told, 'strata_log_head')).toBe(0);
  expect(valueIn(told, 'strata_projection_lag_seconds')).toBe(0);
});

describe('who may read them', () => {
  const asked = async (authorization: string) =>
    (await fetch(`${strata.url}/metrics`, { headers: authorization === '' ? {} : { authorization } })).status;

  test('an admin, and whoever has the token', async () => {
    expect(await asked(`Bearer ${ADMIN_KEY}`)).toBe(200);
    expect(await asked(`Bearer ${TOKEN}`)).toBe(200);
  });

  test('nobody else, from loopback neither', async () => {
    await strata.call('POST', '/v1/accounts', { account: 'curious' });
    expect(await asked('')).toBe(401);
    expect(await asked('Bearer another-token')).toBe(401);
    expect(await asked(`Bearer ${await strata.keyOf('curious')}`)).toBe(403);
  });

  test('the token opens nothing else', async () => {
    const headers = { Authorization: `Bearer ${TOKEN}` };
    expect((await strata.call('GET', '/v1/accounts', undefined, headers)).status).toBe(401);
  });
});

describe('what they tell', () => {
  test('is Prometheus’ text, of declared metrics with declared labels', async () => {
    const response = await fetch(`${strata.url}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } });
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(response.headers.get('cache-control')).toBe('no-store');
    for (const { family, labels } of readMetrics(await response.text())) {
      if (!family.startsWith('strata_')) continue;
      expect(Object.keys(METRICS)).toContain(family);
      const declared: readonly string[] = METRICS[family as keyof typeof METRICS].labels;
      expect([...declared, 'le']).toEqual(expect.arrayContaining(Object.keys(labels)));
    }
  });

  test('requests by route, not by address', async () => {
    const at = { method: 'GET', route: '/v1/boards/{board}' };
    const before = await scrape();
    for (const board of ['one', 'two', 'three']) await strata.call('GET', `/v1/boards/${board}`);
    const after = await scrape();
    const risen = (name: string, labels: Told['labels']) =>
      valueIn(after, name, labels) - valueIn(before, name, labels);
    expect(risen('strata_http_requests_total', { ...at, status: '4xx' })).toBe(3);
    expect(risen('strata_http_request_duration_seconds_count', at)).toBe(3);
    expect(risen('strata_http_request_duration_seconds_bucket', { ...at, le: '+Inf' })).toBe(3);
    expect(risen('strata_http_request_duration_seconds_sum', at)).toBeGreaterThan(0);
    // The one that reads them.
    expect(valueIn(after, 'strata_http_requests_in_flight')).toBe(1);
  });

  test('addresses that nobody serves are one series', async () => {
    const labels = { method: 'any', route: 'none', status: '4xx' };
    const before = valueIn(await scrape(), 'strata_http_requests_total', labels);
    for (const path of ['/a', '/b', '/v1/c']) await strata.call('GET', path);
    expect(valueIn(await scrape(), 'strata_http_requests_total', labels)).toBe(before + 3);
  });

  test('commands by type and outcome, and what they wrote', async () => {
    const before = await scrape();
    const made = await strata.call('PUT', '/v1/boards/wall', { width: 8, height: 8, cooldownSeconds: 0 });
    const place = (color: number) => strata.call('PUT', '/v1/boards/wall/pixels/1/1', { color });
    await strata.read('/v1/boards/wall', made.body.position);
    await place(1);
    await place(2);
    await place(200);
    const last = await strata.call('POST', '/v1/commands', { type: 'Nonsense', data: {} });
    expect(last.status).toBe(400);
    const after = await scrape();
    const risen = (name: string, labels = {}) => valueIn(after, name, labels) - valueIn(before, name, labels);
    expect(risen('strata_commands_total', { type: 'PlacePixel', outcome: 'accepted' })).toBe(2);
    expect(risen('strata_commands_total', { type: 'PlacePixel', outcome: 'refused' })).toBe(1);
    expect(risen('strata_commands_total', { type: 'CreateBoard', outcome: 'accepted' })).toBe(1);
    expect(valueIn(after, 'strata_commands_in_flight')).toBe(0);
    expect(risen('strata_log_writes_total', { outcome: 'appended' })).toBe(3);
    expect(risen('strata_log_head')).toBe(3);
    expect(risen('strata_log_batches_total')).toBeGreaterThan(0);
    expect(risen('strata_log_written_bytes_total')).toBeGreaterThan(100);
    expect(risen('strata_log_append_duration_seconds_count')).toBeGreaterThan(0);
  });

  test('projections, tree, disk and process', async () => {
    const head = valueIn(await scrape(), 'strata_log_head');
    await expect
      .poll(async () => {
        const told = await scrape();
        return [
          valueIn(told, 'strata_projection_position', { projection: 'boards' }),
          valueIn(told, 'strata_tree_size'),
          valueIn(told, 'strata_projection_lag_seconds'),
        ];
      })
      .toEqual([head, head, 0]);
    const told = await scrape();
    expect(valueIn(told, 'strata_ready')).toBe(1);
    for (const folder of ['data', 'log', 'blobs']) {
      const free = valueIn(told, 'strata_disk_free_bytes', { folder });
      expect(free).toBeGreaterThan(0);
      expect(valueIn(told, 'strata_disk_size_bytes', { folder })).toBeGreaterThan(free);
    }
    const built = { node: process.versions.node, log: 'embedded', blobs: 'disk', cache: 'memory' };
    expect(valueIn(told, 'strata_build_info', built)).toBe(1);
    expect(valueIn(told, 'process_resident_memory_bytes')).toBeGreaterThan(1e6);
    expect(told.map(({ family }) => family)).toContain('nodejs_eventloop_lag_p99_seconds');
  });

  test('live clients', async () => {
    const socket = new WebSocket(`${strata.url.replace('http', 'ws')}/v1/live`);
    const heard: string[] = [];
    socket.onmessage = ({ data }) => heard.push(typeof data === 'string' ? JSON.parse(data).op : 'frame');
    await new Promise((resolve) => {
      socket.onopen = resolve;
    });
    socket.send(JSON.stringify({ op: 'subscribe', topic: 'boards/wall' }));
    await expect.poll(() => heard).toEqual(['subscribed']);
    const before = await scrape();
    expect(valueIn(before, 'strata_live_connections')).toBe(1);
    expect(valueIn(before, 'strata_live_subscriptions')).toBe(1);
    await strata.call('PUT', '/v1/boards/wall/pixels/2/2', { color: 3 });
    await expect.poll(() => heard).toEqual(['subscribed', 'frame']);
    const after = await scrape();
    const frames = { kind: 'frame' };
    const risen =
      valueIn(after, 'strata_live_messages_total', frames) - valueIn(before, 'strata_live_messages_total', frames);
    expect(risen).toBe(1);
    socket.close();
    await expect.poll(async () => valueIn(await scrape(), 'strata_live_connections')).toBe(0);
    expect(valueIn(await scrape(), 'strata_live_subscriptions')).toBe(0);
  });
});
