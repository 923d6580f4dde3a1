import shared from '@eventstore/db-client/generated/shared_pb.js';
import type { ReadReq, ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import { z } from 'zod';

/** A place in `$all`. The server counts in 64 bits, so they stay text. */
export const placeSchema = z.object({ commit: z.string().regex(/^\d+$/), prepare: z.string().regex(/^\d+$/) });
export type Place = z.infer<typeof placeSchema>;

/** An event as it comes from the server. */
export type ServerEvent = {
  readonly id: string;
  readonly stream: string;
  readonly revision: number;
  readonly type: string;
  readonly createdMs: number;
  readonly data: Uint8Array;
  readonly metadata: Uint8Array;
  readonly place: Place;
};

/** `created` is in ticks of 100 ns since 1970. */
const TICKS_PER_MS = 10_000n;
/** How many events of others the server looks at before it tells where it is, at most, by `CHECKPOINT_WINDOWS`. */
const SEARCH_WINDOW = 512;
const CHECKPOINT_WINDOWS = 4;

/** All events of streams with the prefix, after a place (`null`: from the beginning), for ever. */
export function subscription(prefix: string, after: Place | null): ReadReq {
  const options = readOptions();
  const all = new streams.ReadReq.Options.AllOptions();
  if (after === null) all.setStart(new shared.Empty());
  else all.setPosition(positionOf(after));
  options.setAll(all);
  options.setSubscription(new streams.ReadReq.Options.SubscriptionOptions());
  options.setFilter(prefixFilter(prefix));
  return requestOf(options);
}

/** The last event in `$all` of a stream with the prefix. */
export function lastOfAll(prefix: string): ReadReq {
  const options = readOptions();
  const all = new streams.ReadReq.Options.AllOptions();
  all.setEnd(new shared.Empty());
  options.setAll(all);
  options.setReadDirection(streams.ReadReq.Options.ReadDirection.BACKWARDS);
  options.setCount('1');
  options.setFilter(prefixFilter(prefix));
  return requestOf(options);
}

/** A stream's events from a revision on. */
export function streamFrom(stream: string, revision: number): ReadReq {
  const options = readOptions();
  const identifier = new shared.StreamIdentifier();
  identifier.setStreamName(Buffer.from(stream));
  const from = new streams.ReadReq.Options.StreamOptions();
  from.setStreamIdentifier(identifier);
  from.setRevision(String(revision));
  options.setStream(from);
  options.setCount(String(Number.MAX_SAFE_INTEGER));
  options.setNoFilter(new shared.Empty());
  return requestOf(options);
}

/** The event that a message brings, or `null` for a message that brings none. */
export function eventOf(message: ReadResp): ServerEvent | null {
  const read = message.getEvent();
  const event = read?.getEvent();
  if (event === undefined) return null;
  const metadata = event.getMetadataMap();
  return {
    id: event.getId()!.getString(),
    stream: Buffer.from(event.getStreamIdentifier()!.getStreamName_asU8()).toString(),
    revision: Number(event.getStreamRevision()),
    type: metadata.get('type') ?? '',
    createdMs: Number(BigInt(metadata.get('created') ?? 0) / TICKS_PER_MS),
    data: event.getData_asU8(),
    metadata: event.getCustomMetadata_asU8(),
    place: { commit: event.getCommitPosition(), prepare: event.getPreparePosition() },
  };
}

/** How far the server has looked, of which it tells where events of others lie between ours. */
export function checkpointOf(message: ReadResp): Place | null {
  const reached = message.getCheckpoint();
  return reached === undefined ? null : { commit: reached.getCommitPosition(), prepare: reached.getPreparePosition() };
}

/** True when `a` lies at or after `b`. */
export function isAtLeast(a: Place, b: Place): boolean {
  return BigInt(a.commit) >= BigInt(b.commit);
}

function readOptions(): ReadReq.Options {
  const options = new streams.ReadReq.Options();
  const ids = new streams.ReadReq.Options.UUIDOption();
  ids.setString(new shared.Empty());
  options.setUuidOption(ids);
  return options;
}

function prefixFilter(prefix: string): ReadReq.Options.FilterOptions {
  const expression = new streams.ReadReq.Options.FilterOptions.Expression();
  expression.setPrefixList([prefix]);
  const filter = new streams.ReadReq.Options.FilterOptions();
  filter.setStreamIdentifier(expression);
  filter.setMax(SEARCH_WINDOW);
  filter.setCheckpointintervalmultiplier(CHECKPOINT_WINDOWS);
  return filter;
}

function positionOf({ commit, prepare }: Place): ReadReq.Options.Position {
  const position = new streams.ReadReq.Options.Position();
  position.setCommitPosition(commit);
  position.setPreparePosition(prepare);
  return position;
}

function requestOf(options: ReadReq.Options): ReadReq {
  const request = new streams.ReadReq();
  request.setOptions(options);
  return request;
}
