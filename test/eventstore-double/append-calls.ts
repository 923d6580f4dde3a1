import type { UUID } from '@eventstore/db-client/generated/shared_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import statuses from '@eventstore/db-client/generated/status_pb.js';
import type {
  AppendReq,
  AppendResp,
  BatchAppendReq,
  BatchAppendResp,
} from '@eventstore/db-client/generated/streams_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import { type handleClientStreamingCall, type ServerDuplexStream, status } from '@grpc/grpc-js';
import any from 'google-protobuf/google/protobuf/any_pb.js';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';
import { callError, identifierOf } from './answers.ts';
import type { ServerNode } from './server-node.ts';
import { APPEND_BYTES_MAX, type AppendOutcome, type Expected, type ProposedEvent } from './transaction-file.ts';

/** `Streams.Append`: the options, then an event a message; one answer at the end. */
export function append(node: ServerNode): handleClientStreamingCall<AppendReq, AppendResp> {
  return (call, answer) => {
    node.calls.append += 1;
    let options: AppendReq.Options | undefined;
    const proposed: ProposedEvent[] = [];
    call.on('data', (request: AppendReq) => {
      options ??= request.getOptions();
      const message = request.getProposedMessage();
      if (message !== undefined) proposed.push(proposedEvent(message));
    });
    call.on('end', () => {
      const refusal = node.refusal(call.metadata);
      if (refusal !== null) return answer(refusal);
      const stream = Buffer.from(options!.getStreamIdentifier()!.getStreamName_asU8()).toString();
      const expected = expectedOf(options!);
      const fault = node.takeAppendFault();
      if (fault === 'unavailable') return answer(callError(status.UNAVAILABLE, 'Server Is Not Ready'));
      if (fault === 'lost') return undefined;
      const outcome = node.file.append(stream, expected, proposed);
      if (fault === 'answer cut off') return answer(callError(status.UNAVAILABLE, 'Connection dropped'));
      if (fault === 'answer lost') return undefined;
      if (outcome.is === 'too large') return answer(tooLarge());
      return answer(null, appendAnswer(outcome, expected));
    });
  };
}

/** `Streams.BatchAppend`: chunks of appends, each with an id by which its answer is known; answered as they are done. */
export function batchAppend(node: ServerNode) {
  return (call: ServerDuplexStream<BatchAppendReq, BatchAppendResp>): void => {
    node.calls.batchAppend += 1;
    const begun = new Map<string, { options: BatchAppendReq.Options; proposed: ProposedEvent[] }>();
    call.on('data', (request: BatchAppendReq) => {
      const refusal = node.refusal(call.metadata);
      if (refusal !== null) {
        call.emit('error', Object.assign(new Error(refusal.details), refusal));
        return;
      }
      const correlation = request.getCorrelationId()!;
      const id = correlation.getString();
      const one = begun.get(id) ?? { options: request.getOptions()!, proposed: [] };
      begun.set(id, one);
      one.proposed.push(...request.getProposedMessagesList().map(proposedEvent));
      if (!request.getIsFinal()) return;
      begun.delete(id);
      const stream = Buffer.from(one.options.getStreamIdentifier()!.getStreamName_asU8()).toString();
      const outcome = node.file.append(stream, batchExpectedOf(one.options), one.proposed);
      call.write(batchAnswer(correlation, stream, outcome));
    });
    call.on('end', () => call.end());
  };
}

function proposedEvent(message: AppendReq.ProposedMessage | BatchAppendReq.ProposedMessage): ProposedEvent {
  const metadata = message.getMetadataMap();
  return {
    id: message.getId()!.getString().toLowerCase(),
    type: metadata.get('type') ?? '',
    contentType: metadata.get('content-type') ?? '',
    data: message.getData_asU8(),
    metadata: message.getCustomMetadata_asU8(),
  };
}

function expectedOf(options: AppendReq.Options): Expected {
  if (options.hasAny()) return 'any';
  if (options.hasNoStream()) return 'no stream';
  return options.hasStreamExists() ? 'stream exists' : Number(options.getRevision());
}

function batchExpectedOf(options: BatchAppendReq.Options): Expected {
  if (options.hasAny()) return 'any';
  if (options.hasNoStream()) return 'no stream';
  return options.hasStreamExists() ? 'stream exists' : Number(options.getStreamPosition());
}

function appendAnswer(outcome: Exclude<AppendOutcome, { is: 'too large' }>, expected: Expected): AppendResp {
  const answer = new streams.AppendResp();
  if (outcome.is === 'written') {
    const success = new streams.AppendResp.Success();
    success.setCurrentRevision(String(outcome.revision));
    const position = new streams.AppendResp.Position();
    position.setCommitPosition(String(outcome.position));
    position.setPreparePosition(String(outcome.position));
    success.setPosition(position);
    answer.setSuccess(success);
    return answer;
  }
  const wrong = new streams.AppendResp.WrongExpectedVersion();
  if (outcome.current === -1) wrong.setCurrentNoStream(new shared.Empty());
  else wrong.setCurrentRevision(String(outcome.current));
  if (expected === 'any') wrong.setExpectedAny(new shared.Empty());
  else if (expected === 'no stream') wrong.setExpectedNoStream(new shared.Empty());
  else if (expected === 'stream exists') wrong.setExpectedStreamExists(new shared.Empty());
  else wrong.setExpectedRevision(String(expected));
  answer.setWrongExpectedVersion(wrong);
  return answer;
}

function batchAnswer(correlation: UUID, stream: string, outcome: AppendOutcome): BatchAppendResp {
  const answer = new streams.BatchAppendResp();
  answer.setCorrelationId(correlation);
  answer.setStreamIdentifier(identifierOf(stream));
  if (outcome.is === 'written') {
    const success = new streams.BatchAppendResp.Success();
    success.setCurrentRevision(String(outcome.revision));
    const position = new shared.AllStreamPosition();
    position.setCommitPosition(String(outcome.position));
    position.setPreparePosition(String(outcome.position));
    success.setPosition(position);
    answer.setSuccess(success);
    return answer;
  }
  const details = new any.Any();
  if (outcome.is === 'too large') {
    const exceeded = new shared.MaximumAppendSizeExceeded();
    exceeded.setMaxappendsize(APPEND_BYTES_MAX);
    details.pack(exceeded.serializeBinary(), 'event_store.client.MaximumAppendSizeExceeded');
  } else {
    const wrong = new shared.WrongExpectedVersion();
    if (outcome.current === -1) wrong.setCurrentNoStream(new empty.Empty());
    else wrong.setCurrentStreamRevision(String(outcome.current));
    details.pack(wrong.serializeBinary(), 'event_store.client.WrongExpectedVersion');
  }
  const error = new statuses.Status();
  error.setMessage(outcome.is);
  error.setDetails(details);
  answer.setError(error);
  return answer;
}

function tooLarge() {
  return callError(status.INVALID_ARGUMENT, 'Maximum Append Size Exceeded', {
    exception: 'maximum-append-size-exceeded',
    'maximum-append-size': String(APPEND_BYTES_MAX),
  });
}
