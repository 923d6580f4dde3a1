import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { METRICS, type MetricName } from '#telemetry/metric-table.ts';
import { programPath } from '../components/programs.ts';
import { freePorts, ServerFolder, ServerProcess } from '../components/server-process.ts';
import { source } from './deployed.ts';
import { ServerFixture } from './server-fixture.ts';

const prometheus = programPath('prometheus');
const promtool = programPath('promtool');
const TOKEN = 'a-token-for-prometheus';
/** As Grafana writes the one that was chosen. */
const CHOSEN = '$' + '{datasource}';

type Panel = {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly { readonly expr: string; readonly datasource: { readonly uid: string } }[];
};
type Variable = { readonly name: string; readonly query: string | { readonly query: string } };
type Dashboard = {
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly Variable[] };
};

const dashboard: Dashboard = JSON.parse(source('deploy/grafana/dashboards/strata.json'));
const expressions = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
const alerts = source('deploy/prometheus/alerts.yml');

/** Metrics that one server on the embedded engines does not have. */
const OF_MEMBERS = /strata_(partitions|lease|replica|commands_forwarded|commands_waited|forwarded)/;

/** The declared metric of every series that the text names. */
function namedIn(text: string): string[] {
  return [...text.matchAll(/\bstrata_\w+/g)].map(([name]) => {
    const family = name.replace(/_(bucket|sum|count)$/, '');
    return name in METRICS ? name : family;
  });
}

describe('deploy/grafana', () => {
  test('the dashboard asks the data source that was chosen, for metrics that there are', () => {
    expect(dashboard.uid).toBe('strata');
    expect(source('deploy/grafana/provisioning/datasources/prometheus.yml')).toContain('uid: prometheus');
    const variables = dashboard.templating.list.map(({ name }) => name);
    for (const { title, type, datasource, targets = [] } of dashboard.panels) {
      if (type === 'row') continue;
      expect(datasource?.uid, title).toBe(CHOSEN);
      expect(targets.length, title).toBeGreaterThan(0);
      for (const { expr, datasource: asked } of targets) {
        expect(asked.uid, title).toBe(CHOSEN);
        for (const [, name] of expr.matchAll(/\$(\w+)/g)) {
          expect([...variables, '__rate_interval'], title).toContain(name);
        }
        for (const name of namedIn(expr)) expect(Object.keys(METRICS), title).toContain(name);
      }
    }
  });

  test('every metric is shown, but for what a graph does not say better', () => {
    const shown = new Set(namedIn(expressions.join(' ')));
    expect(Object.keys(METRICS).filter((name) => !shown.has(name))).toEqual(['strata_build_info']);
  });

  test('its panels have ids of their own, and lie beside each other', () => {
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const taken = new Set<string>();
    for (const { title, gridPos } of dashboard.panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken.has(`${x}:${y}`), title).toBe(false);
          taken.add(`${x}:${y}`);
        }
      }
    }
  });
});

test('alerts are about metrics that there are', () => {
  for (const name of namedIn(alerts)) expect(Object.keys(METRICS)).toContain(name);
});

/** The folder as the container has it. */
function prepare(dir: string): void {
  writeFileSync(`${dir}/prometheus.yml`, source('deploy/prometheus/prometheus.yml'));
  writeFileSync(`${dir}/alerts.yml`, alerts);
  writeFileSync(`${dir}/alerts.test.yml`, source('deploy/prometheus/alerts.test.yml'));
  writeFileSync(`${dir}/metrics-token`, TOKEN);
}

describe.skipIf(promtool === null)('deploy/prometheus, by promtool', () => {
  const folder = new ServerFolder('promtool');
  beforeAll(() => prepare(folder.path));
  afterAll(() => folder.remove());

  test.each([
    [['check', 'config', 'prometheus.yml']],
    [['check', 'rules', 'alerts.yml']],
    [['test', 'rules', 'alerts.test.yml']],
  ])('%j', (args) => {
    const { status, stdout, stderr } = spawnSync(promtool!, args, { cwd: folder.path, encoding: 'utf8' });
    expect(status, stdout + stderr).toBe(0);
  });

  test('every alert is tested', () => {
    const tests = source('deploy/prometheus/alerts.test.yml');
    for (const [, alert] of alerts.matchAll(/- alert: (\w+)/g)) {
      expect(tests).toMatch(new RegExp(`alertname: ${alert}\\n[^-]*exp_alerts`));
    }
  });
});

describe.skipIf(prometheus === null)('a real Prometheus that watches two servers', () => {
  const servers = [new ServerFixture(), new ServerFixture()] as const;
  const folder = new ServerFolder('prometheus');
  let watching: ServerProcess;
  let url: string;

  type Series = { readonly metric: { readonly [label: string]: string }; readonly value: readonly [number, string] };
  type Told = { readonly status: string; readonly error?: string; readonly data: { readonly result: Series[] } };

  async function ask(query: string): Promise<Told> {
    return (await (await fetch(`${url}/api/v1/query?${new URLSearchParams({ query })}`)).json()) as Told;
  }

  beforeAll(async () => {
    prepare(folder.path);
    for (const server of servers) {
      await server.start({ STRATA_METRICS_TOKEN: TOKEN });
      await server.call('PUT', '/v1/boards/wall', { width: 8, height: 8, cooldownSeconds: 0 });
      await server.call('POST', '/v1/photos', Buffer.from('no picture'), { 'Content-Type': 'image/png' });
    }
    // The names of containers are not known here: everything else of the job stays.
    const targets = servers.map((server) => new URL(server.url).host);
    const config = source('deploy/prometheus/prometheus.yml')
      .replace(
        /dns_sd_configs:\n\s+- \{ names: \[strata-1.*\n/,
        `static_configs: [{ targets: ${JSON.stringify(targets)} }]\n`,
      )
      .replace(/ {4}relabel_configs: &by-name\n.*\n/, '')
      .replace(/ {2}- job_name: strata-eventstore[\s\S]*$/, '')
      .replace('scrape_interval: 5s', 'scrape_interval: 1s');
    writeFileSync(`${folder.path}/prometheus.yml`, config);
    mkdirSync(`${folder.path}/data`);
    const [port] = await freePorts(1);
    url = `http://127.0.0.1:${port}`;
    const command = [
      prometheus!,
      `--config.file=${folder.path}/prometheus.yml`,
      `--storage.tsdb.path=${folder.path}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
    ] as const;
    watching = new ServerProcess({ found: { by: 'native', path: prometheus! }, command, dir: folder.path });
    await watching.until(async () => (await fetch(`${url}/-/ready`).catch(() => null))?.status === 200, 20_000);
    // Rates take two scrapes.
    const scraped = async () => (await ask('count_over_time(strata_ready[1m]) >= 3')).data.result.length === 2;
    await watching.until(scraped, 30_000);
  }, 60_000);
  afterAll(async () => {
    await watching?.kill();
    folder.remove();
    for (const server of servers) await server.stop();
  });

  test('finds both, by the token', async () => {
    const { result } = (await ask('up{job="strata"}')).data;
    expect(result.map(({ value }) => value[1])).toEqual(['1', '1']);
  });

  test('has every metric of a server on its own', async () => {
    const { result } = (await ask('count by (__name__) ({__name__=~"strata_.*"})')).data;
    const found = new Set(result.flatMap(({ metric }) => namedIn(metric.__name__!)));
    const missing = Object.keys(METRICS).filter((name) => !found.has(name) && !OF_MEMBERS.test(name));
    // Nothing is wrong here.
    expect(missing).toEqual(['strata_problem'] satisfies MetricName[]);
  });

  test('answers every panel of the dashboard', async () => {
    const values = { job: 'strata', instance: '.*', __rate_interval: '10s' };
    for (const expression of expressions) {
      const query = Object.entries(values).reduce(
        (text, [name, value]) => text.replaceAll(`$${name}`, value),
        expression,
      );
      const told = await ask(query);
      expect(told.status, `${query}: ${told.error}`).toBe('success');
      const isEmpty = OF_MEMBERS.test(query) || query.includes('strata_problem');
      if (!isEmpty) expect(told.data.result.length, query).toBeGreaterThan(0);
    }
  });

  test('fills the variables of the dashboard', async () => {
    const asked = dashboard.templating.list.flatMap(({ query }) => (typeof query === 'string' ? [] : [query.query]));
    expect(asked).toHaveLength(2);
    for (const query of asked) {
      const [, selector = '', label = ''] = /^label_values\((.+), (\w+)\)$/.exec(query.replace('$job', 'strata')) ?? [];
      const { result } = (await ask(`count by (${label}) (${selector})`)).data;
      expect(result.length, query).toBeGreaterThan(0);
    }
  });

  test('has taken the alerts, and none is on', async () => {
    const answer = (await (await fetch(`${url}/api/v1/rules`)).json()) as {
      data: { groups: { rules: { name: string; health: string; state: string }[] }[] };
    };
    const rules = answer.data.groups.flatMap((group) => group.rules);
    expect(rules.map(({ name }) => name)).toEqual([...alerts.matchAll(/- alert: (\w+)/g)].map(([, name]) => name));
    for (const { name, state } of rules) expect({ name, state }).toEqual({ name, state: 'inactive' });
  });
});
