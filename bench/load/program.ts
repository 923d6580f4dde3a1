import { parseArgs } from 'node:util';

export type Options = { readonly json: boolean; readonly seconds: number };

/** One line of a benchmark's table; the first row names the columns. */
export type Row = { readonly [column: string]: string | number | null };

export type Benchmark = {
  /** How to start it: `bench/read.ts`. */
  readonly file: string;
  /** What is measured, for `--help`. */
  readonly about: string;
  /** The default of `--seconds`. */
  readonly seconds: number;
  readonly run: (options: Options) => Promise<readonly Row[]>;
};

/** Runs a benchmark as a program: `--help`, `--seconds`, and a table or `--json`. */
export async function program(benchmark: Benchmark): Promise<void> {
  const { values } = parseArgs({
    options: { help: { type: 'boolean' }, json: { type: 'boolean' }, seconds: { type: 'string' } },
  });
  if (values.help) {
    console.log(`node ${benchmark.file} [--seconds N] [--json]\n\n${benchmark.about}\n`);
    console.log(
      `  --seconds N  length of a round, ${benchmark.seconds} unless told\n  --json       rows as one JSON array`,
    );
    return;
  }
  const seconds = Number(values.seconds ?? benchmark.seconds);
  if (!Number.isInteger(seconds) || seconds < 1) throw new Error('--seconds takes a whole number from 1');
  const rows = await benchmark.run({ json: values.json === true, seconds });
  console.log(values.json ? JSON.stringify(rows) : table(rows));
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
