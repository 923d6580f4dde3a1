import { expect, test } from 'vitest';
import { Durations } from './durations.ts';
import { Metrics } from './metrics.ts';

/** The lines of one metric, without those of the process. */
async function linesOf(metrics: Metrics, name: string): Promise<string[]> {
  return (await metrics.text()).split('\n').filter((line) => line.startsWith(name));
}

test('a number, samples with labels, and what has to be waited for', async () => {
  const metrics = new Metrics();
  metrics.add({
    strata_log_head: () => 42,
    strata_problem: async () => [{ labels: { code: 'log.disk-full' }, value: 1 }],
  });
  expect(await linesOf(metrics, 'strata_log_head')).toEqual(['strata_log_head 42']);
  expect(await linesOf(metrics, 'strata_problem')).toEqual(['strata_problem{code="log.disk-full"} 1']);
  expect(await metrics.text()).toContain('# TYPE strata_log_head gauge\n');
});

test('labels may hold anything', async () => {
  const metrics = new Metrics();
  metrics.add({ strata_problem: () => [{ labels: { code: 'a "quoted"\\\nline' }, value: 1 }] });
  expect(await linesOf(metrics, 'strata_problem{')).toEqual(['strata_problem{code="a \\"quoted\\"\\\\\\nline"} 1']);
});

test('durations are told as buckets that count what is in those below too', async () => {
  const value = new Durations();
  for (const ms of [0.2, 0.5, 0.7, 3, 99_000]) value.observe(ms);
  const metrics = new Metrics();
  metrics.add({ strata_blob_operation_duration_seconds: () => [{ labels: { operation: 'put' }, value }] });
  const lines = await linesOf(metrics, 'strata_blob_operation_duration_seconds');
  const told = Object.fromEntries(
    lines.flatMap((line) => [...line.matchAll(/le="(.+)"\} (\d+)$/g)].map(([, le, n]) => [le, n])),
  );
  expect(told).toMatchObject({ '0.0005': '2', '0.001': '3', '0.0025': '3', '0.005': '4', '10': '4', '+Inf': '5' });
  expect(lines.at(-1)).toBe('strata_blob_operation_duration_seconds_count{operation="put"} 5');
  expect(value.sumSeconds).toBeCloseTo(99.0044);
});

test('what cannot be read is reported and left out; the others are told', async () => {
  const reports: object[] = [];
  const metrics = new Metrics((message, fields) => reports.push({ message, ...fields }));
  const error = new Error('the disk is gone');
  metrics.add({ strata_disk_free_bytes: () => Promise.reject(error), strata_ready: () => 0 });
  expect(await linesOf(metrics, 'strata_disk_free_bytes')).toEqual([]);
  expect(reports).toEqual([{ message: 'a metric could not be read', metric: 'strata_disk_free_bytes', error }]);
  expect(await linesOf(metrics, 'strata_ready')).toEqual(['strata_ready 0']);
});

test('what is added after the first reading is told by the next; by one only', async () => {
  const metrics = new Metrics();
  metrics.add({ strata_ready: () => 1 });
  await metrics.text();
  metrics.add({ strata_log_head: () => 7 });
  expect(await linesOf(metrics, 'strata_log_head')).toEqual(['strata_log_head 7']);
  expect(() => metrics.add({ strata_ready: () => 0 })).toThrow('strata_ready is read by one only');
});
