import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { crc32c } from '@node-rs/crc32';
import { assert } from '../../assert.ts';
import { BLOCK_BYTES, type BlockCache } from './block-cache.ts';
import { ByteWriter } from './byte-codec.ts';

/** Records per file number: a record never crosses files. A pointer is `number * FILE_BYTES_MAX + place`. */
const FILE_BYTES_MAX = 2 ** 30;
const HEADER_BYTES = 8;
const BUFFER_BYTES_MAX = 1024 * 1024;
/** In the length of a record that was erased; then its checksum and bytes are zeros. */
const ERASED = 2 ** 31;

/** What a pointer leads to is not what was written there. */
export class DamagedRecord extends Error {
  override readonly name: string = 'DamagedRecord';
}

/** What stood there was destroyed for good. */
export class ErasedRecord extends DamagedRecord {
  override readonly name: string = 'ErasedRecord';
}

/** Names the files of one structure: `pixels.0.changes`. */
export type AppendFileName = { readonly dir: string; readonly structure: string; readonly kind: string };

/**
 * Reads records of an append-only file, which is numbered pieces of at most 1 GiB. A record is its length (u32, little
 * endian), the CRC32C of its bytes, and its bytes. No record is empty.
 */
export class AppendFileReader {
  readonly name: AppendFileName;
  readonly #descriptors = new Map<number, number>();
  readonly #cache: BlockCache | null;
  readonly #cached: number;
  #scratch = Buffer.allocUnsafeSlow(BLOCK_BYTES);

  /** `cache` serves `peek`. */
  constructor(name: AppendFileName, cache: BlockCache | null = null) {
    this.name = name;
    this.#cache = cache;
    this.#cached = cache?.register() ?? 0;
  }

  /** As `read`, on memory that the next call uses again. */
  peek(pointer: number, length: number): Buffer {
    const sizeBytes = HEADER_BYTES + length;
    const block = Math.floor(pointer / BLOCK_BYTES);
    const start = pointer - block * BLOCK_BYTES;
    if (this.#cache === null || start + sizeBytes > BLOCK_BYTES) {
      if (this.#scratch.length < sizeBytes) this.#scratch = Buffer.allocUnsafeSlow(2 * sizeBytes);
      return this.read(pointer, length, this.#scratch);
    }
    const record = this.#cache.get(this.#cached, block, start, start + sizeBytes, (bytes) => this.#load(block, bytes));
    if (record === null) throw this.damaged(pointer, 'ends early');
    return this.check(record, pointer, length);
  }

  #load(block: number, bytes: Buffer): number {
    const pointer = block * BLOCK_BYTES;
    const file = Math.floor(pointer / FILE_BYTES_MAX);
    return readSync(this.#descriptor(file), bytes, 0, BLOCK_BYTES, pointer % FILE_BYTES_MAX);
  }

  /**
   * The record's bytes; `length` is what its pointer was kept with. They lie in `memory` where that is given and large
   * enough: those who read many records and keep none spare the collector.
   * @throws DamagedRecord or ErasedRecord
   */
  read(pointer: number, length: number, memory?: Buffer): Buffer {
    const sizeBytes = HEADER_BYTES + length;
    const isRoomy = memory !== undefined && memory.length >= sizeBytes;
    const record = isRoomy ? memory.subarray(0, sizeBytes) : Buffer.allocUnsafe(sizeBytes);
    const file = Math.floor(pointer / FILE_BYTES_MAX);
    const count = readSync(this.#descriptor(file), record, 0, record.length, pointer % FILE_BYTES_MAX);
    if (count !== record.length) throw this.damaged(pointer, 'ends early');
    return this.check(record, pointer, length);
  }

  /** The bytes of a whole record, checked. */
  check(record: Buffer, pointer: number, length: number): Buffer {
    const bytes = record.subarray(HEADER_BYTES);
    if (record.readUInt32LE(0) === ERASED + length) {
      throw new ErasedRecord(`the record at ${pointer} of ${this.name.structure}.${this.name.kind} is erased`);
    }
    if (record.readUInt32LE(0) !== length) throw this.damaged(pointer, 'has another length');
    if (record.readUInt32LE(4) !== crc32c(bytes)) throw this.damaged(pointer, 'fails its checksum');
    return bytes;
  }

  /** Checks every record from `start` to `end`, which lie in one file: what is before a file's start was synced. */
  verify(start: number, end: number): void {
    const descriptor = start < end ? this.#descriptor(Math.floor(start / FILE_BYTES_MAX)) : 0;
    const header = Buffer.allocUnsafe(HEADER_BYTES);
    for (let at = start; at < end; ) {
      const count = readSync(descriptor, header, 0, HEADER_BYTES, at % FILE_BYTES_MAX);
      if (count !== HEADER_BYTES) throw this.damaged(at, 'ends early');
      const isErased = header.readUInt32LE(0) >= ERASED;
      const length = header.readUInt32LE(0) % ERASED;
      if (length === 0) throw this.damaged(at, 'is empty');
      if (at + HEADER_BYTES + length > end) throw this.damaged(at, 'reaches past the end');
      if (!isErased) this.read(at, length);
      at += HEADER_BYTES + length;
    }
  }

  close(): void {
    for (const descriptor of this.#descriptors.values()) closeSync(descriptor);
    this.#descriptors.clear();
  }

  protected damaged(pointer: number, what: string): DamagedRecord {
    return new DamagedRecord(`the record at ${pointer} of ${this.name.structure}.${this.name.kind} ${what}`);
  }

  #descriptor(file: number): number {
    let descriptor = this.#descriptors.get(file);
    if (descriptor === undefined) {
      descriptor = openSync(filePath(this.name, file), 'r');
      this.#descriptors.set(file, descriptor);
    }
    return descriptor;
  }
}

/** A record by its pointer, and the length that it was kept with. */
export type RecordPlace = { readonly pointer: number; readonly length: number };

/** Overwrites records with zeros, on the disk itself when it returns. They lie within what was flushed. */
export function eraseRecords(name: AppendFileName, records: readonly RecordPlace[]): void {
  const byFile = Map.groupBy(records, ({ pointer }) => Math.floor(pointer / FILE_BYTES_MAX));
  for (const [file, placed] of byFile) {
    const descriptor = openSync(filePath(name, file), 'r+');
    try {
      for (const { pointer, length } of placed) {
        const zeros = Buffer.alloc(HEADER_BYTES + length);
        zeros.writeUInt32LE(ERASED + length);
        for (let done = 0; done < zeros.length; ) {
          done += writeSync(descriptor, zeros, done, zeros.length - done, (pointer % FILE_BYTES_MAX) + done);
        }
      }
      fdatasyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }
}

/** Appends records, and reads them before they are written out. One writer at a time. */
export class AppendFile {
  readonly reader: AppendFileReader;
  readonly #buffer = new ByteWriter(64 * 1024);
  #descriptor: number;
  #file: number;
  /** Where the next record goes. */
  #end: number;
  #written: number;
  #synced: number;
  #syncing = false;

  /** Continues at `end`: what lies beyond it was never committed, and is cut off. */
  constructor(name: AppendFileName, { end, synced }: { end: number; synced: number }) {
    mkdirSync(name.dir, { recursive: true });
    this.reader = new AppendFileReader(name);
    this.#end = this.#written = end;
    this.#synced = synced;
    this.#file = Math.floor(end / FILE_BYTES_MAX);
    for (const file of fileNumbers(name)) if (file > this.#file) rmSync(filePath(name, file));
    this.#descriptor = openSync(filePath(name, this.#file), 'a');
    ftruncateSync(this.#descriptor, end % FILE_BYTES_MAX);
  }

  get end(): number {
    return this.#end;
  }

  /** All before it is on the disk itself. */
  get synced(): number {
    return this.#synced;
  }

  /** Returns the record's pointer. */
  append(bytes: Uint8Array): number {
    const place = this.#end % FILE_BYTES_MAX;
    if (place + HEADER_BYTES + bytes.length > FILE_BYTES_MAX) this.#roll();
    const pointer = this.#end;
    const header = this.#buffer.length;
    this.#buffer.reserve(HEADER_BYTES + bytes.length);
    this.#buffer.bytes.writeUInt32LE(bytes.length, header);
    this.#buffer.bytes.writeUInt32LE(crc32c(bytes), header + 4);
    this.#buffer.length += HEADER_BYTES;
    this.#buffer.append(bytes);
    this.#end += HEADER_BYTES + bytes.length;
    if (this.#buffer.length > BUFFER_BYTES_MAX) this.flush();
    return pointer;
  }

  /** Forgets the record if it is the last, and not written out. */
  takeBack({ pointer, length }: RecordPlace): boolean {
    if (pointer < this.#written || pointer + HEADER_BYTES + length !== this.#end) return false;
    this.#end = pointer;
    this.#buffer.length -= HEADER_BYTES + length;
    return true;
  }

  read(pointer: number, length: number, memory?: Buffer): Buffer {
    if (pointer < this.#written) return this.reader.read(pointer, length, memory);
    const start = pointer - this.#written;
    const record = Buffer.from(this.#buffer.bytes.subarray(start, start + HEADER_BYTES + length));
    return this.reader.check(record, pointer, length);
  }

  /** Hands all records to the operating system: another thread or process can read them. */
  flush(): void {
    const bytes = this.#buffer.view();
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#descriptor, bytes, done, bytes.length - done);
    this.#buffer.clear();
    this.#written = this.#end;
  }

  /** Syncs what was flushed, without waiting; one sync at a time. */
  syncInBackground(): void {
    const target = this.#written;
    if (this.#syncing || target === this.#synced) return;
    this.#syncing = true;
    const file = this.#file;
    fdatasync(this.#descriptor, (error) => {
      this.#syncing = false;
      // After a failed sync the mark stays, so that the next start verifies the records.
      if (error === null && file === this.#file) this.#synced = target;
    });
  }

  sync(): void {
    this.flush();
    fdatasyncSync(this.#descriptor);
    this.#synced = this.#end;
  }

  close(): void {
    closeSync(this.#descriptor);
    this.reader.close();
  }

  #roll(): void {
    this.sync();
    closeSync(this.#descriptor);
    this.#end = this.#written = this.#synced = nextFile(this.#end);
    this.#file += 1;
    this.#descriptor = openSync(filePath(this.reader.name, this.#file), 'a');
    assert(this.#end % FILE_BYTES_MAX === 0, 'a new file begins empty');
  }
}

function nextFile(pointer: number): number {
  return (Math.floor(pointer / FILE_BYTES_MAX) + 1) * FILE_BYTES_MAX;
}

function filePath({ dir, structure, kind }: AppendFileName, file: number): string {
  return join(dir, `${structure}.${file}.${kind}`);
}

function fileNumbers({ dir, structure, kind }: AppendFileName): readonly number[] {
  const [before, after] = [`${structure}.`, `.${kind}`];
  return readdirSync(dir)
    .filter((name) => name.startsWith(before) && name.endsWith(after))
    .map((name) => Number(name.slice(before.length, -after.length)))
    .filter(Number.isSafeInteger);
}
