import { randomUUID } from 'node:crypto';
import type { ReadReq, ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { caughtUp, checkpoint, confirmation, eventAnswer, streamNotFound } from './answers.ts';
import type { ServerNode } from './server-node.ts';
import type { StoredEvent } from './transaction-file.ts';

/** Events that a filter looks at between two checkpoints, for each step of the interval, unless told. */
const SEARCH_WINDOW = 32;

type Call = ServerWritableStream<ReadReq, ReadResp>;

/** `Streams.Read`: a stream or `$all`, forwards or backwards, up to a count or for ever. */
export function read(node: ServerNode) {
  return (call: Call): void => {
    node.calls.read += 1;
    const refusal = node.refusal(call.metadata);
    if (refusal !== null) {
      call.emit('error', Object.assign(new Error(refusal.details), refusal));
      return;
    }
    const options = call.request.getOptions()!;
    if (options.hasSubscription()) void subscribe(node, call, options);
    else void readOnce(node, call, options);
  };
}

async function readOnce(node: ServerNode, call: Call, options: ReadReq.Options): Promise<void> {
  const name = streamOf(options);
  if (name !== null && node.file.stream(name).length === 0) {
    await write(node, call, streamNotFound(name));
    call.end();
    return;
  }
  const matches = filterOf(options);
  const events = name === null ? node.file.events : node.file.stream(name);
  const isBackwards = options.getReadDirection() === streams.ReadReq.Options.ReadDirection.BACKWARDS;
  let left = Number(options.getCount());
  let at = startOf(options, events, isBackwards);
  for (; left > 0 && at >= 0 && at < events.length && !call.cancelled; at += isBackwards ? -1 : 1) {
    if (!matches(events[at]!)) continue;
    await write(node, call, eventAnswer(events[at]!));
    left -= 1;
  }
  call.end();
}

/** What was there, then what comes. Nothing is kept for a slow client: each subscription has a place of its own. */
async function subscribe(node: ServerNode, call: Call, options: ReadReq.Options): Promise<void> {
  const name = streamOf(options);
  const matches = filterOf(options);
  const events = name === null ? node.file.events : node.file.stream(name);
  const interval = checkpointInterval(options);
  let at = startAfter(options, events);
  let considered = 0;
  let wake: () => void = () => undefined;
  let stopWaiting: () => void = () => undefined;
  if (name === null) node.subscribedAfter.push(at === 0 ? null : events[at - 1]!.position);
  const left = node.subscribed(call);
  left.addEventListener('abort', () => {
    stopWaiting();
    wake();
  });
  await write(node, call, confirmation(randomUUID()));
  let isCaughtUp = false;
  while (!left.aborted) {
    while (at < events.length && !left.aborted) {
      const event = events[at]!;
      at += 1;
      if (matches(event)) await write(node, call, eventAnswer(event));
      considered += 1;
      if (interval !== null && considered % interval === 0) await write(node, call, checkpoint(event.position));
    }
    if (!isCaughtUp && !left.aborted) await write(node, call, caughtUp());
    isCaughtUp = true;
    if (at < events.length || left.aborted) continue;
    await new Promise<void>((resolve) => {
      wake = resolve;
      stopWaiting = node.file.onNext(resolve);
    });
  }
}

function streamOf(options: ReadReq.Options): string | null {
  const identifier = options.getStream()?.getStreamIdentifier();
  return identifier === undefined ? null : Buffer.from(identifier.getStreamName_asU8()).toString();
}

function filterOf(options: ReadReq.Options): (event: StoredEvent) => boolean {
  const filter = options.getFilter();
  const expression = filter?.getStreamIdentifier() ?? filter?.getEventType();
  if (filter === undefined || expression === undefined) return () => true;
  const part = (event: StoredEvent) => (filter.hasStreamIdentifier() ? event.stream : event.type);
  const prefixes = expression.getPrefixList();
  if (prefixes.length > 0) return (event) => prefixes.some((prefix) => part(event).startsWith(prefix));
  const pattern = new RegExp(expression.getRegex());
  return (event) => pattern.test(part(event));
}

function checkpointInterval(options: ReadReq.Options): number | null {
  const filter = options.getFilter();
  if (filter === undefined) return null;
  return (filter.hasMax() ? filter.getMax() : SEARCH_WINDOW) * filter.getCheckpointintervalmultiplier();
}

/** A read begins with the event that it names. */
function startOf(options: ReadReq.Options, events: readonly StoredEvent[], isBackwards: boolean): number {
  const from = options.getStream() ?? options.getAll()!;
  if (from.hasStart()) return 0;
  if (from.hasEnd()) return isBackwards ? events.length - 1 : events.length;
  const stream = options.getStream();
  if (stream !== undefined) return Number(stream.getRevision());
  const position = Number(options.getAll()!.getPosition()!.getCommitPosition());
  // Backwards, `$all` is read from before a position.
  if (isBackwards) return events.findLastIndex((event) => event.position < position);
  const at = events.findIndex((event) => event.position >= position);
  return at === -1 ? events.length : at;
}

/** A subscription begins after the event that it names. */
function startAfter(options: ReadReq.Options, events: readonly StoredEvent[]): number {
  const from = options.getStream() ?? options.getAll()!;
  if (from.hasStart()) return 0;
  if (from.hasEnd()) return events.length;
  const stream = options.getStream();
  if (stream !== undefined) return Number(stream.getRevision()) + 1;
  const position = Number(options.getAll()!.getPosition()!.getCommitPosition());
  const at = events.findIndex((event) => event.position > position);
  return at === -1 ? events.length : at;
}

/** Waits until the client takes more, or is gone. */
async function write(node: ServerNode, call: Call, answer: ReadResp): Promise<void> {
  if (call.cancelled || call.destroyed || call.writableEnded) return;
  if (call.write(answer)) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const ends = ['drain', 'cancelled', 'close', 'error'];
  for (const event of ends) call.once(event, resolve);
  node.heldBack += 1;
  await promise;
  node.heldBack -= 1;
  for (const event of ends) call.off(event, resolve);
}
