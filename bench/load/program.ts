import { parseArgs } from 'node:util';

export type Options = {
  readonly json: boolean;
  readonly seconds: number;
  /** By their names. */
  readonly sizes: { readonly [name: string]: number };
  /** By their names; `null` where none was given. */
  readonly files: { readonly [name: string]: string | null };
};

/** How much is measured: an option of its own, which `--quick` makes small. */
export type Size = { readonly about: string; readonly normal: number; readonly quick: number };

/** One line of a benchmark's table; the first row names the columns. */
export type Row = { readonly [column: string]: string | number | null };

export type Benchmark = {
  /** How to start it: `bench/read.ts`. */
  readonly file: string;
  /** What is measured, for `--help`. */
  readonly about: string;
  /** The default of `--seconds`. */
  readonly seconds: number;
  readonly sizes?: { readonly [name: string]: Size };
  /** Input that may be given, and what it is. */
  readonly files?: { readonly [name: string]: string };
  readonly run: (options: Options) => Promise<readonly Row[]>;
};

/** Runs a benchmark as a program: `--help`, `--seconds`, its sizes, and a table or `--json`. */
export async function program(benchmark: Benchmark): Promise<void> {
  const declared = Object.entries(benchmark.sizes ?? {});
  const inputs = Object.entries(benchmark.files ?? {});
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean' },
      json: { type: 'boolean' },
      quick: { type: 'boolean' },
      seconds: { type: 'string' },
      ...Object.fromEntries([...declared, ...inputs].map(([name]) => [name, { type: 'string' } as const])),
    },
  });
  if (values.help) {
    console.log(`node ${benchmark.file} [--seconds N] [--json]\n\n${benchmark.about}\n`);
    console.log(
      `  --seconds N  length of a round, ${benchmark.seconds} unless told\n  --json       rows as one JSON array`,
    );
    for (const [name, { about, normal, quick }] of declared) {
      console.log(`  --${`${name} N`.padEnd(11)}${about}: ${normal} unless told, ${quick} with --quick`);
    }
    for (const [name, about] of inputs) console.log(`  --${`${name} FILE`.padEnd(11)}${about}`);
    return;
  }
  const given = values as { readonly [name: string]: string | undefined };
  const seconds = whole('seconds', given.seconds, benchmark.seconds);
  const sizes = Object.fromEntries(
    declared.map(([name, { normal, quick }]) => [name, whole(name, given[name], values.quick ? quick : normal)]),
  );
  const files = Object.fromEntries(inputs.map(([name]) => [name, given[name] ?? null]));
  const rows = await benchmark.run({ json: values.json === true, seconds, sizes, files });
  console.log(values.json ? JSON.stringify(rows) : table(rows));
}

function whole(name: string, given: string | undefined, otherwise: number): number {
  const value = Number(given ?? otherwise);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} takes a whole number from 1`);
  return value;
}

/** Columns as wide as their widest value; numbers stand on the right. */
function table(rows: readonly Row[]): string {
  const columns = Object.keys(rows[0] ?? {});
  const cells = [columns, ...rows.map((row) => columns.map((column) => text(row[column] ?? null)))];
  const widths = columns.map((_, at) => Math.max(...cells.map((line) => line[at]!.length)));
  const rightAligned = columns.map((column) => rows.some((row) => typeof row[column] === 'number'));
  const lines = cells.map((line) =>
    line
      .map((cell, at) => (rightAligned[at] ? cell.padStart(widths[at]!) : cell.padEnd(widths[at]!)))
      .join('  ')
      .trimEnd(),
  );
  return [lines[0], widths.map((width) => '-'.repeat(width)).join('  '), ...lines.slice(1)].join('\n');
}

function text(value: string | number | null): string {
  if (value === null) return '';
  if (typeof value === 'string') return value;
  return value >= 1000 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)));
}
