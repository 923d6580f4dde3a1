import type { BlobStore, PendingBlob } from '#blobs/blob-store.ts';
import type { Bus, CommandRequest } from '#handling/bus.ts';
import type { Accepted, Principal } from '#handling/domain.ts';
import type { InspectedArchive, InspectedImage, UploadRoute } from '#handling/routes.ts';
import type { EventLog } from '#log/event-log.ts';
import type { Inspector } from '#workers/inspector.ts';
import { assert } from '../assert.ts';
import { errors } from '../errors.ts';
import type { Callers } from './callers.ts';
import { commandAnswer } from './command-answer.ts';
import { expectedRevision } from './command-routes.ts';
import type { EventJson } from './event-json.ts';
import { type Exchange, JSON_TYPE } from './exchange.ts';
import { minimumOffset } from './reading-position.ts';
import { type PathParams, readParams, readQuery } from './route-pattern.ts';
import type { Handler } from './router.ts';
import { UploadSource } from './upload-source.ts';

const UPLOADS_AT_ONCE_MAX = 64;

export type UploadParts = {
  readonly bus: Bus;
  readonly log: EventLog;
  readonly callers: Callers;
  readonly eventJson: EventJson;
  readonly blobs: BlobStore;
  readonly inspector: Inspector;
  readonly dappUrl: (label: string) => string;
};

type Upload = {
  readonly caller: Principal;
  readonly params: PathParams;
  readonly query: PathParams;
  readonly mediaType: string;
  readonly idempotencyKey: string | null;
  readonly expected: CommandRequest['expected'];
  readonly after?: number;
};

/** The handlers of upload routes: they share one bound on uploads under way. */
export function uploadHandlers(parts: UploadParts): (route: UploadRoute) => Handler {
  let underWay = 0;
  return (route) => (exchange, req, pattern) => {
    const caller = parts.callers.required(req.getHeader('authorization'));
    const mediaType = req.getHeader('content-type').split(';')[0]!.trim().toLowerCase();
    if (!route.mediaTypes.includes(mediaType)) {
      const was = mediaType === '' ? 'has no Content-Type' : `is "${mediaType.slice(0, 80)}"`;
      const detail = `the body ${was}; this address takes ${route.mediaTypes.join(', ')}`;
      throw errors.error('request.media-type', detail);
    }
    if (Number(req.getHeader('content-length')) > route.bytesMax) {
      throw errors.error('request.too-large', `the body is larger than ${route.bytesMax} bytes`);
    }
    const upload = {
      caller,
      mediaType,
      params: readParams(pattern, req),
      query: uploadQuery(route, req.getQuery()),
      idempotencyKey: req.getHeader('idempotency-key') || null,
      expected: expectedRevision(req),
      ...minimumOffset(req, parts.log),
    };
    if (underWay >= UPLOADS_AT_ONCE_MAX) {
      throw errors.error('server.busy', 'too many uploads are under way', { retryAfterSeconds: 1 });
    }
    underWay += 1;
    const source = new UploadSource(exchange);
    void handleUpload(route, upload, source, exchange, parts)
      .catch((error: unknown) => {
        source.drop();
        exchange.refuse(error);
      })
      .finally(() => {
        underWay -= 1;
      });
  };
}

async function handleUpload(
  route: UploadRoute,
  upload: Upload,
  source: UploadSource,
  exchange: Exchange,
  parts: UploadParts,
): Promise<void> {
  const { params, query, caller } = upload;
  const pending = await parts.blobs.receive(source, route.bytesMax);
  const inspected = await inspect(route, pending, upload.mediaType, parts);
  const commands = route.commands(inspected, params, query, caller);
  assert(commands.length > 0, 'an upload is followed by a command');
  let accepted: Accepted | null = null;
  let added = 0;
  for (const [at, { type, data }] of commands.entries()) {
    const isLast = at === commands.length - 1;
    const key = upload.idempotencyKey;
    accepted = await parts.bus.handle({
      type,
      data,
      caller,
      idempotencyKey: key === null || isLast ? key : `${key}/${at}`,
      expected: at === 0 ? upload.expected : null,
      ...(upload.after !== undefined && { after: upload.after }),
    });
    added += accepted.events.length;
  }
  assert(accepted !== null, 'an upload is followed by a command');
  const headers = ['Strata-Position', accepted.position];
  if (accepted.replayed) headers.push('Idempotency-Replayed', 'true');
  const more = route.answer(accepted, inspected, params, parts.dappUrl);
  exchange.send(added > 0 ? 201 : 200, JSON_TYPE, commandAnswer(accepted, more, parts.eventJson), headers);
}

/** Looks into the bytes; a blob is made of an image, while an archive's files are blobs already. */
async function inspect(
  route: UploadRoute,
  pending: PendingBlob,
  mediaType: string,
  { inspector }: UploadParts,
): Promise<InspectedImage | InspectedArchive> {
  try {
    if (route.inspect === 'archive') {
      const archive = await inspector.archive(pending);
      await pending.drop();
      return archive;
    }
    const image = await inspector.image(pending, mediaType);
    await pending.keep();
    return image;
  } catch (error) {
    await pending.drop();
    throw error;
  }
}

function uploadQuery(route: UploadRoute, rawQuery: string | undefined): PathParams {
  const query = readQuery(rawQuery);
  const unknown = Object.keys(query).filter((name) => !(name in route.query));
  if (unknown.length > 0) {
    const mistakes = unknown.map((path) => ({ path, message: 'is not a parameter of this address' }));
    throw errors.error('request.invalid', `the query: ${unknown[0]} ${mistakes[0]?.message}`, { errors: mistakes });
  }
  return query;
}
