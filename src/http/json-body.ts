import type { Json } from '#events/event.ts';
import { errors } from '../errors.ts';
import type { Exchange } from './exchange.ts';
import { parseStrictJson } from './strict-json.ts';
import type { HttpRequest } from './uws.ts';

export const JSON_BYTES_MAX = 1024 * 1024;

const JSON_MEDIA_TYPE = /^application\/json\s*(?:;\s*charset="?utf-8"?\s*)?$/i;

/**
 * Takes a JSON body of at most 1 MiB and calls back with its value, `undefined` for an empty body. Refuses the exchange
 * itself: request.too-large as soon as that much is announced or has come, request.media-type for another or no
 * media type, request.malformed. What `received` throws is answered too.
 */
export function receiveJson(exchange: Exchange, req: HttpRequest, received: (value: Json | undefined) => void): void {
  const mediaType = req.getHeader('content-type');
  const isJson = mediaType === 'application/json' || JSON_MEDIA_TYPE.test(mediaType);
  if (!isJson && mediaType !== '') throw wrongMediaType(mediaType);
  const announced = req.getHeader('content-length');
  // Six digits are always few enough: no number is made of most of them.
  if (announced.length > 6 && Number(announced) > JSON_BYTES_MAX) throw tooLarge();

  let bytes = 0;
  let earlier: Buffer[] | null = null;
  exchange.res.onData((chunk, isLast) => {
    if (exchange.over) return;
    try {
      bytes += chunk.byteLength;
      if (bytes > JSON_BYTES_MAX) throw tooLarge();
      if (!isLast) {
        earlier ??= [];
        earlier.push(Buffer.from(new Uint8Array(chunk)));
        return;
      }
      if (bytes === 0) return received(undefined);
      if (!isJson) throw wrongMediaType('');
      const last = Buffer.from(chunk);
      received(parseStrictJson(earlier === null ? last : Buffer.concat([...earlier, last])));
    } catch (error) {
      exchange.refuse(error);
    }
  });
}

function wrongMediaType(mediaType: string) {
  const was = mediaType === '' ? 'has no Content-Type' : `is "${mediaType.slice(0, 80)}"`;
  return errors.error('request.media-type', `the body ${was}; this address takes application/json`);
}

function tooLarge() {
  return errors.error('request.too-large', `the body is larger than ${JSON_BYTES_MAX} bytes`);
}
