import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { type Import, importsBelow, specifiers } from './imports.ts';

/** From the bottom up: a file may import its own layer and those before it. */
const LAYERS: readonly (readonly string[])[] = [
  ['src/errors.ts', 'src/assert.ts', 'src/in-parallel.ts', 'src/config.ts', 'src/telemetry/'],
  ['src/events/'],
  ['src/log/', 'src/cluster/', 'src/blobs/', 'src/cache/'],
  ['src/handling/', 'src/history/'],
  ['commands/', 'projections/'],
  // The list of domains: layers above may serve all of them, layers below know none by name.
  ['src/domains.ts'],
  ['src/http/', 'src/live/', 'src/edge/', 'src/workers/', 'src/backup/', 'src/migrate/', 'src/audit/'],
  [
    'src/cli/',
    'src/server.ts',
    'src/admin.ts',
    'src/background.ts',
    'src/embedded.ts',
    'src/engine-urls.ts',
    'src/engines.ts',
    'src/following.ts',
    'src/forwarding.ts',
    'src/readings.ts',
    'src/standing.ts',
    'src/strata.ts',
    'src/projector.ts',
    'src/serve.ts',
    'src/main.ts',
  ],
];

const imports = importsBelow(fileURLToPath(new URL('../..', import.meta.url)), ['src', 'commands', 'projections']);

function layerOf(file: string): number {
  return LAYERS.findIndex((layer) =>
    layer.some((path) => (path.endsWith('/') ? file.startsWith(path) : file === path)),
  );
}

function pointingUp(all: readonly Import[]): string[] {
  return all.filter(({ from, to }) => layerOf(to) > layerOf(from)).map(arrow);
}

/** A domain is its folder of commands and the projections that this folder imports. */
function acrossDomains(all: readonly Import[]): string[] {
  const folderOf = (file: string) => /^(?:commands|projections)\/[^/]+(?=\/)/.exec(file)?.[0] ?? null;
  const domains = new Map<string, string>();
  for (const { from, to } of all) {
    const [importer, imported] = [folderOf(from), folderOf(to)];
    if (importer?.startsWith('commands/') && imported?.startsWith('projections/')) {
      const owner = domains.get(imported);
      if (owner !== undefined && owner !== importer) return [`${imported} belongs to ${owner} and to ${importer}`];
      domains.set(imported, importer);
    }
  }
  const domainOf = (file: string) => {
    const folder = folderOf(file);
    return folder === null ? null : (domains.get(folder) ?? folder);
  };
  return all
    .filter(({ from, to }) => {
      const [importer, imported] = [domainOf(from), domainOf(to)];
      return importer !== null && imported !== null && importer !== imported;
    })
    .map(arrow);
}

/** A cycle of imports that exists when the program runs, as its files in order, or `null`. */
function cycle(all: readonly Import[]): string[] | null {
  const next = Map.groupBy(
    all.filter(({ atRunTime }) => atRunTime),
    ({ from }) => from,
  );
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): string[] | null => {
    if (done.has(file)) return null;
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    path.push(file);
    for (const { to } of next.get(file) ?? []) {
      const found = visit(to);
      if (found !== null) return found;
    }
    path.pop();
    done.add(file);
    return null;
  };
  for (const file of next.keys()) {
    const found = visit(file);
    if (found !== null) return found;
  }
  return null;
}

const arrow = ({ from, to }: Import) => `${from} -> ${to}`;

test('every file has a layer', () => {
  const files = new Set(imports.flatMap(({ from, to }) => [from, to]));
  expect([...files].filter((file) => layerOf(file) === -1)).toEqual([]);
});

test('imports point down', () => {
  expect(pointingUp(imports)).toEqual([]);
});

test('a domain imports no other domain', () => {
  expect(acrossDomains(imports)).toEqual([]);
});

test('no file imports itself by way of others', () => {
  expect(cycle(imports)).toBeNull();
});

test('the rules find what breaks them', () => {
  const edge = (from: string, to: string, atRunTime = true): Import => ({ from, to, atRunTime });
  const up = edge('src/log/a.ts', 'src/handling/bus.ts', false);
  expect(pointingUp([up, edge('src/handling/bus.ts', 'src/log/a.ts')])).toEqual([arrow(up)]);
  expect(pointingUp([edge('commands/boards/domain.ts', 'src/http/server.ts')])).toHaveLength(1);

  const own = edge('commands/boards/domain.ts', 'projections/board/fold.ts');
  const across = edge('projections/board/fold.ts', 'commands/accounts/events.ts');
  expect(acrossDomains([own, across, edge('projections/board/fold.ts', 'commands/boards/events.ts')])).toEqual([
    arrow(across),
  ]);
  expect(acrossDomains([edge('commands/boards/decide.ts', 'commands/accounts/view.ts')])).toHaveLength(1);

  const [there, back] = [edge('src/a.ts', 'src/b.ts'), edge('src/b.ts', 'src/a.ts')];
  expect(cycle([there, back])).toEqual(['src/a.ts', 'src/b.ts', 'src/a.ts']);
  expect(cycle([there, edge('src/b.ts', 'src/a.ts', false)])).toBeNull();
});

test('imports are found however they are written', () => {
  const source = [
    "import 'side-effect';",
    "import type { A } from './a.ts';",
    "import b, {\n  type B,\n  c,\n} from '#log/b.ts';",
    "export * from './d.ts';",
    "export type { E } from './e.ts';",
    "export const text = 'nothing from here';",
    "const late = await import('./late.ts');",
  ].join('\n');
  expect(specifiers(source).sort()).toEqual(
    ['side-effect', './a.ts', '#log/b.ts', './d.ts', './e.ts', './late.ts'].sort(),
  );
});
