import shared from '@eventstore/db-client/generated/shared_pb.js';
import type { AppendReq, AppendResp } from '@eventstore/db-client/generated/streams_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import { assert } from '../../assert.ts';

/** An event as it goes to the server: its id as a UUID, JSON as bytes. */
export type ProposedEvent = {
  readonly id: string;
  readonly type: string;
  readonly data: Buffer;
  readonly metadata: Buffer;
};

export type AppendExpected = number | 'none' | 'any';

/** `revision` is the last event's; of a write that was known already, the one that it got then. `current` is -1 for no stream. */
export type AppendAnswer =
  | { readonly ok: true; readonly revision: number }
  | { readonly ok: false; readonly current: number };

/** The messages of one append: its options, then an event each. */
export function* appendMessages(
  stream: string,
  expected: AppendExpected,
  events: readonly ProposedEvent[],
): Iterable<AppendReq> {
  const options = new streams.AppendReq.Options();
  const identifier = new shared.StreamIdentifier();
  identifier.setStreamName(Buffer.from(stream));
  options.setStreamIdentifier(identifier);
  if (expected === 'any') options.setAny(new shared.Empty());
  else if (expected === 'none') options.setNoStream(new shared.Empty());
  else options.setRevision(String(expected));
  const header = new streams.AppendReq();
  header.setOptions(options);
  yield header;
  for (const { id, type, data, metadata } of events) {
    const proposed = new streams.AppendReq.ProposedMessage();
    const uuid = new shared.UUID();
    uuid.setString(id);
    proposed.setId(uuid);
    proposed.getMetadataMap().set('type', type);
    proposed.getMetadataMap().set('content-type', 'application/json');
    proposed.setData(data);
    proposed.setCustomMetadata(metadata);
    const message = new streams.AppendReq();
    message.setProposedMessage(proposed);
    yield message;
  }
}

export function appendAnswer(answer: AppendResp): AppendAnswer {
  const wrong = answer.getWrongExpectedVersion();
  if (wrong !== undefined) {
    return { ok: false, current: wrong.hasCurrentRevision() ? Number(wrong.getCurrentRevision()) : -1 };
  }
  const success = answer.getSuccess();
  assert(success !== undefined, 'an append is answered by a success or a wrong version');
  return { ok: true, revision: Number(success.getCurrentRevision()) };
}
