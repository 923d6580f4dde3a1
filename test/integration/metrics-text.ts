export type Told = {
  /** The metric's name; of a histogram's series without `_bucket`, `_sum` and `_count`. */
  readonly family: string;
  readonly name: string;
  readonly labels: { readonly [label: string]: string };
  readonly value: number;
};

const SERIES = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** Prometheus' text format, version 0.0.4, read strictly: every series stands under the `# TYPE` of its family. */
export function readMetrics(text: string): Told[] {
  const told: Told[] = [];
  let family = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('# TYPE ')) family = line.split(' ')[2]!;
    if (line === '' || line.startsWith('#')) continue;
    const [, name, labels = '', value] = SERIES.exec(line) ?? [];
    if (name === undefined || !name.startsWith(family)) throw new Error(`no series of ${family}: ${line}`);
    const read = [...labels.matchAll(LABEL)].map(([, label, text]) => [label, text]);
    told.push({ family, name, labels: Object.fromEntries(read), value: value === 'Nan' ? Number.NaN : Number(value) });
  }
  return told;
}

/** The value of the one series with this name and these labels; 0 where there is none. */
export function valueIn(
  told: readonly Told[],
  name: string,
  labels: { readonly [label: string]: string } = {},
): number {
  const fitting = told.filter(
    (series) => series.name === name && Object.entries(labels).every(([label, text]) => series.labels[label] === text),
  );
  if (fitting.length > 1) throw new Error(`${name} ${JSON.stringify(labels)} are ${fitting.length} series`);
  return fitting[0]?.value ?? 0;
}
