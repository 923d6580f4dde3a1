import { createReadStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { PlaceRow } from './row.ts';

/** Rows held in memory; more of them go to disk in sorted runs, which are merged. */
const RUN_ROWS = 4 * 1024 * 1024;
const RECORD_BYTES = 24;
const READ_BYTES = RECORD_BYTES * 8_192;
const SHAPES = ['pixel', 'rectangle', 'circle'] as const;

/** A row with the file that it came from. */
export type SourcedRow = PlaceRow & { readonly file: number };

/**
 * Puts rows into the order of their times; rows of one time keep the order in which they were added. The published data
 * sets are not sorted, and hold up to 160 million rows: this takes 96 MiB of memory and 24 bytes a row on disk.
 */
export class TimeOrder {
  readonly #dir: string;
  readonly #runRows: number;
  readonly #runs: string[] = [];
  #records: Buffer;
  #count = 0;

  /** `dir` is an existing folder for the runs. */
  constructor(dir: string, runRows = RUN_ROWS) {
    this.#dir = dir;
    this.#runRows = runRows;
    this.#records = Buffer.allocUnsafe(Math.min(runRows, 65_536) * RECORD_BYTES);
  }

  /** `null` when there is room for the next at once; else resolves when the rows so far are on the disk. */
  add(row: PlaceRow, file: number): Promise<void> | null {
    if (this.#count === this.#runRows) return this.#spill().then(() => this.#put(row, file));
    this.#put(row, file);
    return null;
  }

  #put(row: PlaceRow, file: number): void {
    if ((this.#count + 1) * RECORD_BYTES > this.#records.length) this.#grow();
    encode(this.#records, this.#count * RECORD_BYTES, row, file);
    this.#count += 1;
  }

  /** All rows in order; may be read once. */
  async *rows(): AsyncGenerator<SourcedRow> {
    if (this.#runs.length === 0) {
      for (const index of this.#order()) yield decode(this.#records, index * RECORD_BYTES);
      return;
    }
    if (this.#count > 0) await this.#spill();
    this.#records = Buffer.alloc(0);
    yield* merge(this.#runs.map(readRun));
    await Promise.all(this.#runs.map((path) => rm(path)));
  }

  #grow(): void {
    const larger = Buffer.allocUnsafe(Math.min(this.#records.length * 2, this.#runRows * RECORD_BYTES));
    this.#records.copy(larger);
    this.#records = larger;
  }

  #order(): Uint32Array {
    const times = Float64Array.from({ length: this.#count }, (_, at) => this.#records.readDoubleLE(at * RECORD_BYTES));
    const order = Uint32Array.from(times, (_, at) => at);
    const sorted = times.every((time, at) => at === 0 || time >= times[at - 1]!);
    return sorted ? order : order.sort((a, b) => times[a]! - times[b]! || a - b);
  }

  async #spill(): Promise<void> {
    const path = join(this.#dir, `run-${this.#runs.length}`);
    const sorted = Buffer.allocUnsafe(this.#count * RECORD_BYTES);
    let at = 0;
    for (const index of this.#order()) {
      this.#records.copy(sorted, at, index * RECORD_BYTES, (index + 1) * RECORD_BYTES);
      at += RECORD_BYTES;
    }
    const file = await open(path, 'wx');
    try {
      await file.writeFile(sorted);
    } finally {
      await file.close();
    }
    this.#runs.push(path);
    this.#count = 0;
  }
}

async function* readRun(path: string): AsyncGenerator<SourcedRow> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(path, { highWaterMark: READ_BYTES }) as AsyncIterable<Buffer>) {
    const records = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const end = records.length - (records.length % RECORD_BYTES);
    for (let at = 0; at < end; at += RECORD_BYTES) yield decode(records, at);
    rest = records.subarray(end);
  }
}

/** Merges sorted runs; of equal times the earlier run goes first. */
async function* merge(runs: readonly AsyncGenerator<SourcedRow>[]): AsyncGenerator<SourcedRow> {
  const heads: (SourcedRow | null)[] = [];
  const advance = async (run: number) => {
    const next = await runs[run]!.next();
    heads[run] = next.done === true ? null : next.value;
  };
  for (const run of runs.keys()) await advance(run);
  for (;;) {
    let first = -1;
    for (const [run, head] of heads.entries()) {
      if (head !== null && (first < 0 || head.timeMs < heads[first]!.timeMs)) first = run;
    }
    if (first < 0) return;
    yield heads[first]!;
    await advance(first);
  }
}

function encode(records: Buffer, at: number, row: PlaceRow, file: number): void {
  records.writeDoubleLE(row.timeMs, at);
  records.writeUInt32LE(row.line, at + 8);
  records.writeUInt16LE(file, at + 12);
  records.writeUInt8(SHAPES.indexOf(row.shape), at + 14);
  records.writeUInt8(row.colour, at + 15);
  records.writeInt16LE(row.x, at + 16);
  records.writeInt16LE(row.y, at + 18);
  records.writeInt16LE(row.x2, at + 20);
  records.writeInt16LE(row.y2, at + 22);
}

function decode(records: Buffer, at: number): SourcedRow {
  return {
    timeMs: records.readDoubleLE(at),
    line: records.readUInt32LE(at + 8),
    file: records.readUInt16LE(at + 12),
    shape: SHAPES[records.readUInt8(at + 14)]!,
    colour: records.readUInt8(at + 15),
    x: records.readInt16LE(at + 16),
    y: records.readInt16LE(at + 18),
    x2: records.readInt16LE(at + 20),
    y2: records.readInt16LE(at + 22),
  };
}
