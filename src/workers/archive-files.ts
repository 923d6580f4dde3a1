import { crc32 } from 'node:zlib';
import { type Entry, getFileNameLowLevel, openPromise, type ZipFile } from 'yauzl';
import { errors } from '../errors.ts';
import { checkName, isFolder, isLitter } from './archive-names.ts';

const ENTRIES_MAX = 10_000;
const STORED = 0;
const DEFLATED = 8;
/** The file type in the upper half of the external attributes, as Unix archivers write it. */
const MODE_SHIFT = 16;
const FILE_TYPE_BITS = 0o170000;
const REGULAR_FILE = 0o100000;
const FOLDER = 0o040000;

/** A file of an archive, checked by all that its headers say. */
export type ArchiveFile = {
  readonly path: string;
  /** What it takes in the archive. */
  readonly packedBytes: number;
  /** Unpacks it; what its CRC or its size disagrees with is an error at the end. */
  bytes(): AsyncIterable<Uint8Array>;
};

/**
 * The files of a zip archive, in its order; folders and what file managers leave are passed over.
 * @throws upload.archive-invalid, upload.archive-unsafe, upload.archive-too-large (too many entries)
 */
export async function* eachFile(path: string): AsyncIterable<ArchiveFile> {
  // Names are decoded and checked here, so that a refusal says what is wrong.
  const zip = await openPromise(path, { lazyEntries: true, autoClose: false, decodeStrings: false }).catch(invalid);
  try {
    if (zip.entryCount > ENTRIES_MAX) {
      throw errors.error('upload.archive-too-large', `the archive has more than ${ENTRIES_MAX} entries`);
    }
    const seen = new Set<string>();
    for (;;) {
      const entry = await nextEntry(zip);
      if (entry === null) return;
      const name = nameOf(entry);
      checkName(name);
      checkKind(name, entry);
      if (seen.has(name)) throw unsafe(name, 'stands in the archive twice');
      seen.add(name);
      if (isFolder(name) || isLitter(name)) continue;
      yield { path: name, packedBytes: entry.compressedSize, bytes: () => bytesOf(zip, entry, name) };
    }
  } finally {
    zip.close();
  }
}

function nextEntry(zip: ZipFile): Promise<Entry | null> {
  return new Promise<Entry | null>((resolve, reject) => {
    const settle = (act: () => void) => {
      zip.removeAllListeners();
      act();
    };
    zip.once('entry', (entry: Entry) => settle(() => resolve(entry)));
    zip.once('end', () => settle(() => resolve(null)));
    zip.once('error', (error: Error) => settle(() => reject(error)));
    zip.readEntry();
  }).catch(invalid);
}

function nameOf(entry: Entry): string {
  try {
    return getFileNameLowLevel(entry.generalPurposeBitFlag, entry.fileNameRaw, entry.extraFields, true);
  } catch (error) {
    return invalid(error);
  }
}

function checkKind(name: string, entry: Entry): void {
  const type = (entry.externalFileAttributes >>> MODE_SHIFT) & FILE_TYPE_BITS;
  if (type !== 0 && type !== REGULAR_FILE && type !== FOLDER) {
    throw unsafe(name, 'is a link or a device, not a file');
  }
  if (entry.isEncrypted()) throw unsafe(name, 'is encrypted');
  if (entry.compressionMethod !== STORED && entry.compressionMethod !== DEFLATED) {
    throw errors.error('upload.archive-invalid', `the entry ${quoted(name)} is packed in a way that is not supported`);
  }
}

async function* bytesOf(zip: ZipFile, entry: Entry, name: string): AsyncIterable<Uint8Array> {
  const stream = await zip.openReadStreamPromise(entry);
  let sum = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    sum = crc32(chunk, sum);
    yield chunk;
  }
  if (sum !== entry.crc32 >>> 0) {
    throw errors.error('upload.archive-invalid', `the entry ${quoted(name)} does not match its checksum`);
  }
}

function invalid(error: unknown): never {
  const why = error instanceof Error ? error.message : String(error);
  throw errors.error('upload.archive-invalid', `the body cannot be read as a zip archive: ${why}`);
}

function unsafe(name: string, why: string) {
  return errors.error('upload.archive-unsafe', `the entry ${quoted(name)} ${why}`);
}

function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 200));
}
