import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { CliFailure } from '../failure.ts';
import { csvReader } from './csv.ts';
import { PALETTE_DIFF } from './palettes.ts';
import type { PlaceFormat, PlaceRow } from './row.ts';

/** A file is told by so many of its first bytes, unpacked: enough for a header and dozens of rows. */
const IDENTITY_BYTES = 4_096;
const CHUNK_BYTES = 1024 * 1024;
const DIFF_FORMAT: PlaceFormat = {
  name: 'r/place diff',
  palette: PALETTE_DIFF,
  width: 1000,
  height: 1000,
  originX: 0,
  originY: 0,
};

export type PlaceFile = {
  readonly format: PlaceFormat;
  /** 16 hex digits of the file's beginning: the same whether packed, cut or still growing. */
  readonly identity: string;
  /** Rows as they lie in the file. @throws CliFailure naming file and line. */
  readonly batches: AsyncGenerator<readonly PlaceRow[]>;
};

/** Opens a data set, gzip or plain: the diff form, or a CSV told by its header. */
export async function openPlaceFile(path: string): Promise<PlaceFile> {
  const chunks = unpacked(path);
  let head = Buffer.alloc(0);
  while (head.length < IDENTITY_BYTES) {
    const next = await chunks.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  if (head.length === 0) throw new CliFailure(`${path} is empty`);
  const identity = createHash('sha256').update(head.subarray(0, IDENTITY_BYTES)).digest('hex').slice(0, 16);
  const all = withHead(head, chunks);
  if (head.subarray(0, IDENTITY_BYTES).some((byte) => byte < 9)) {
    return { format: DIFF_FORMAT, identity, batches: readDiff(path, all) };
  }
  const end = head.indexOf('\n');
  const header = head.toString('latin1', 0, end < 0 ? head.length : end).replace(/\r$/, '');
  const csv = within(`${path}:1`, () => csvReader(header));
  return { format: csv.format, identity, batches: readCsv(path, all, csv.row) };
}

async function* unpacked(path: string): AsyncGenerator<Buffer> {
  const file = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  let gunzip: ReturnType<typeof createGunzip> | null = null;
  try {
    const iterator = file[Symbol.asyncIterator]() as AsyncIterableIterator<Buffer>;
    const first = await iterator.next();
    if (first.done === true) return;
    if (first.value[0] !== 0x1f || first.value[1] !== 0x8b) {
      yield first.value;
      yield* iterator;
      return;
    }
    gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
    const packed = createReadStream(path, { highWaterMark: CHUNK_BYTES });
    packed.on('error', (error) => gunzip?.destroy(error));
    yield* packed.pipe(gunzip) as AsyncIterable<Buffer>;
  } catch (error) {
    throw new CliFailure(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    file.destroy();
    gunzip?.destroy();
  }
}

async function* withHead(head: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  yield* rest;
}

/** Little-endian 32-bit words: x in bits 0-10, y in bits 11-21, colour in bits 22-25. */
async function* readDiff(path: string, chunks: AsyncGenerator<Buffer>): AsyncGenerator<PlaceRow[]> {
  let line = 0;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const rows: PlaceRow[] = [];
    for (let at = 0; at + 4 <= bytes.length; at += 4) {
      const word = bytes.readUInt32LE(at);
      line += 1;
      if (word >>> 26 !== 0) throw new CliFailure(`${path}: change ${line} has bits set that the format does not use`);
      const colour = (word >>> 22) & 0xf;
      rows.push({ line, timeMs: 0, colour, shape: 'pixel', x: word & 0x7ff, y: (word >>> 11) & 0x7ff, x2: 0, y2: 0 });
    }
    rest = bytes.subarray(bytes.length - (bytes.length % 4));
    yield rows;
  }
  if (rest.length > 0) throw new CliFailure(`${path}: ends in the middle of change ${line + 1}`);
}

async function* readCsv(
  path: string,
  chunks: AsyncGenerator<Buffer>,
  read: (text: string, line: number) => PlaceRow,
): AsyncGenerator<PlaceRow[]> {
  let line = 0;
  let rest = '';
  const take = (text: string, rows: PlaceRow[]) => {
    line += 1;
    const bare = text.endsWith('\r') ? text.slice(0, -1) : text;
    if (line > 1 && bare !== '') rows.push(within(`${path}:${line}`, () => read(bare, line)));
  };
  for await (const chunk of chunks) {
    const text = rest + chunk.toString('latin1');
    const rows: PlaceRow[] = [];
    let from = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      take(text.slice(from, end), rows);
      from = end + 1;
    }
    rest = text.slice(from);
    yield rows;
  }
  const rows: PlaceRow[] = [];
  if (rest !== '') take(rest, rows);
  yield rows;
}

/** Names the place in what `action` refuses. */
function within<Value>(where: string, action: () => Value): Value {
  try {
    return action();
  } catch (error) {
    throw error instanceof CliFailure ? new CliFailure(`${where}: ${error.message}`) : error;
  }
}
