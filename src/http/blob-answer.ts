import type { Readable } from 'node:stream';
import type { BlobStore } from '#blobs/blob-store.ts';
import { errors } from '../errors.ts';
import { byteRange } from './byte-range.ts';
import { matchesTag } from './conditional.ts';
import type { Exchange } from './exchange.ts';

/** How long whoever was sent to the store may begin to read there. */
const PRESIGNED_SECONDS = 300;

export type BlobAnswer = {
  readonly sha256: string;
  readonly mediaType: string;
  /** Flat: name before value. */
  readonly headers: readonly string[];
  readonly ifNoneMatch: string;
  /** The `Range` header, or an empty string. */
  readonly range: string;
  /** The `Prefer` header (RFC 7240): `redirect` is answered with an address in the store itself, where it has any. */
  readonly prefer?: string;
  /** 200 unless told. */
  readonly status?: number;
};

/** Streams a blob, or the range that was asked for: as fast as the client takes it, never whole in memory. */
export async function sendBlob(exchange: Exchange, blobs: BlobStore, answer: BlobAnswer): Promise<void> {
  const { sha256, mediaType, status = 200 } = answer;
  const etag = `"${sha256}"`;
  const headers = [...answer.headers, 'ETag', etag, 'Accept-Ranges', 'bytes'];
  if (status === 200 && matchesTag(answer.ifNoneMatch, etag)) return exchange.sendEmpty(304, headers);

  if (blobs.presign !== undefined && prefersRedirect(answer.prefer)) {
    const location = await blobs.presign(sha256, { seconds: PRESIGNED_SECONDS, mediaType });
    return exchange.sendEmpty(307, [...answer.headers, 'Location', location, 'Preference-Applied', 'redirect']);
  }
  const sizeBytes = await blobs.size(sha256);
  const range = status === 200 ? byteRange(answer.range, sizeBytes) : null;
  if (range === 'outside') {
    const refusal = errors.error('request.range', `there are ${sizeBytes} bytes`);
    return exchange.refuse(refusal, ['Content-Range', `bytes */${sizeBytes}`]);
  }
  if (range !== null) headers.push('Content-Range', `bytes ${range.first}-${range.last}/${sizeBytes}`);
  const bytes = range === null ? sizeBytes : range.last - range.first + 1;
  if (exchange.headOnly || bytes === 0) {
    if (!exchange.begin()) return;
    exchange.finish();
    exchange.res.cork(() => {
      exchange.writeHead(range === null ? status : 206, mediaType, [...headers, 'Content-Length', String(bytes)]);
      exchange.res.endWithoutBody();
    });
    return;
  }
  const source = await (range === null ? blobs.stream(sha256) : blobs.stream(sha256, range));
  if (!exchange.begin()) {
    source.destroy();
    return;
  }
  exchange.res.cork(() => exchange.writeHead(range === null ? status : 206, mediaType, headers));
  pour(source, exchange, bytes);
}

function prefersRedirect(prefer = ''): boolean {
  return prefer.split(',').some((preference) => preference.trim().toLowerCase() === 'redirect');
}

/** Pipes the stream into an answer of known length. A source that fails ends the connection: its length was promised. */
function pour(source: Readable, exchange: Exchange, totalBytes: number): void {
  const { res } = exchange;
  let waiting: { readonly chunk: Buffer; readonly from: number } | null = null;
  let complete = false;
  exchange.whenGone = () => source.destroy();
  res.onWritable((offset) => {
    if (waiting === null) return true;
    const rest = waiting.chunk.subarray(offset - waiting.from);
    const [taken, all] = res.tryEnd(rest, totalBytes);
    complete = all;
    if (all) exchange.finish();
    if (taken) {
      waiting = null;
      source.resume();
    }
    return taken;
  });
  source.on('data', (chunk: Buffer) => {
    if (exchange.gone) return;
    res.cork(() => {
      const from = res.getWriteOffset();
      const [taken, all] = res.tryEnd(chunk, totalBytes);
      complete = all;
      if (all) exchange.finish();
      if (taken || all) return;
      waiting = { chunk, from };
      source.pause();
    });
  });
  source.on('end', () => {
    if (!complete && waiting === null && !exchange.gone) res.close();
  });
  source.on('error', (cause) => {
    exchange.report(errors.error('server.failed', 'a blob could not be read', { cause }));
    if (!exchange.gone) res.close();
  });
}
