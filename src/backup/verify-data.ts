import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { readCollected } from '#blobs/collected.ts';
import { readBlobs } from '#blobs/open.ts';
import { formatPosition } from '#events/position.ts';
import { readSubjectKeys } from '#events/subject-key-files.ts';
import { extentOf } from '#log/embedded/group-bytes.ts';
import { indexedTo, provenLog } from '#log/embedded/proven-head.ts';
import { requireSegments, type Segments } from '#log/embedded/segments.ts';
import { isStrataError } from '../errors.ts';
import { BlobCheck } from './blob-check.ts';
import type { DataFolder } from './data-folder.ts';
import { Findings } from './findings.ts';
import { checkIndex } from './index-check.ts';
import { LogCheck } from './log-check.ts';
import { checkSealed } from './sealed-check.ts';
import { reportOf, type VerifyOptions, type VerifyReport } from './verify-report.ts';

/**
 * Reads all of a data folder that cannot be derived, and the stream index, and tells what is not as it was written. Beside a
 * running server or without one; nothing is touched, no lock is taken.
 */
export async function verifyData(data: DataFolder, options: VerifyOptions): Promise<VerifyReport> {
  const startedMs = performance.now();
  const findings = new Findings();
  const keys = new Map<string, Buffer | null>();
  const blobCheck = new BlobCheck(options.domains);
  const check = new LogCheck(options.codec, findings, (event) => {
    checkSealed(event, options.catalogue.events.get(event.type), keys, findings);
    blobCheck.visit(event);
  });
  const log = await logIn(data.logDir);
  // After the log's end is known: a key is there before what it seals.
  for await (const { subject, key } of readSubjectKeys(data.keysDir)) keys.set(subject, key);
  const position = await checkLog(data.logDir, log, check, findings, options);

  const collected = await readCollected(data.dir);
  const blobs = await readBlobs(data.blobs);
  let done = 0;
  const found = await blobCheck.finish(
    {
      has: (sha256) => blobs.has(sha256),
      open: (sha256) => blobs.stream(sha256),
      all: () => blobs.list(),
      isCollected: (sha256) => collected.has(sha256),
    },
    findings,
    () => options.onProgress({ phase: 'blobs', done: ++done }),
  );
  const told = { what: 'data folder', name: data.dir, position, keys: keys.size, blobs: found } as const;
  return reportOf(told, check, findings, startedMs);
}

/** The same for a log's folder alone. */
export async function verifyLog(dir: string, options: VerifyOptions): Promise<VerifyReport> {
  const startedMs = performance.now();
  const findings = new Findings();
  const check = new LogCheck(options.codec, findings, () => undefined);
  const position = await checkLog(dir, await logIn(dir), check, findings, options);
  return reportOf({ what: 'log', name: dir, position, keys: null, blobs: null }, check, findings, startedMs);
}

/** `damage` is why it is not known how far the log goes; without `segments` not even their headers hold together. */
type FoundLog =
  | { readonly segments: Segments; readonly head: number; readonly damage: null }
  | { readonly segments: Segments | null; readonly head: null; readonly damage: string };

async function logIn(dir: string): Promise<FoundLog> {
  try {
    return { ...(await provenLog(dir)), damage: null };
  } catch (error) {
    return { segments: segmentsIn(dir), head: null, damage: problemOf(error) };
  }
}

function segmentsIn(dir: string): Segments | null {
  try {
    return requireSegments(dir);
  } catch (error) {
    problemOf(error);
    return null;
  }
}

function problemOf(error: unknown): string {
  if (!isStrataError(error)) throw error;
  return error.message;
}

async function checkLog(
  dir: string,
  { segments, head, damage }: FoundLog,
  check: LogCheck,
  findings: Findings,
  { onProgress }: VerifyOptions,
): Promise<string | null> {
  const before = findings.count;
  if (segments !== null) await checkSegments(dir, segments, head, check, findings, onProgress);
  // What the groups themselves do not show: a segment that is missing, or an end that is.
  if (damage !== null && findings.count === before) findings.add({ part: 'log', problem: damage });
  return head === null ? null : formatPosition({ epoch: segments.header.epoch, offsets: [head] });
}

async function checkSegments(
  dir: string,
  segments: Segments,
  head: number | null,
  check: LogCheck,
  findings: Findings,
  onProgress: VerifyOptions['onProgress'],
): Promise<void> {
  const indexed = await indexedTo(dir, segments);
  let done = 0;
  for (let index = 0; index < segments.count; index += 1) {
    const segment = segments.at(index);
    const { path, header } = segment;
    if (head !== null && index > 0 && segment.first > head) break;
    const isLast = segment.last === Number.MAX_SAFE_INTEGER;
    const lastBytes = () => (head === null ? statSync(path).size : extentOf(segments, segment, head).bytes);
    const lengthBytes = isLast ? lastBytes() : segment.lengthBytes;
    await check.add({ header, path, name: basename(path), lengthBytes }, (bytes) => {
      done += bytes;
      onProgress({ phase: 'log', done });
    });
  }
  await checkIndex(dir, indexed, check.streams, findings);
}
