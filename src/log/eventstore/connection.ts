import { convertToCommandError, ErrorType, isCommandError } from '@eventstore/db-client';
import type { ReadReq, ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import { errors, type StrataError } from '../../errors.ts';
import type { AppendAnswer, AppendExpected, ProposedEvent } from './append-protocol.ts';
import { type ReadCall, StreamsClient } from './streams-client.ts';
import type { EventStoreSettings } from './url.ts';

/** Messages that are handed on together at most. */
const MESSAGES_MAX = 1024;

/** The way to the server or cluster: found again whenever it was lost. */
export class EventStoreConnection {
  readonly #settings: EventStoreSettings;
  #client: StreamsClient;

  constructor(settings: EventStoreSettings) {
    this.#settings = settings;
    this.#client = StreamsClient.connect(settings);
  }

  /** One try. @throws what the package says; `fatalError` and `wasNeverSent` tell what it means */
  append(
    stream: string,
    expected: AppendExpected,
    events: readonly ProposedEvent[],
    deadlineMs: number,
  ): Promise<AppendAnswer> {
    return this.#use((client) => client.append(stream, expected, events, deadlineMs));
  }

  /**
   * What a read answers, as it comes, several messages at once where they have come already. No more is fetched than the
   * reader takes. An aborted read just ends.
   */
  async *messages(request: ReadReq, signal?: AbortSignal): AsyncIterable<readonly ReadResp[]> {
    const call = await this.#use((client) => client.read(request));
    const cancel = () => call.cancel();
    signal?.addEventListener('abort', cancel);
    try {
      if (signal?.aborted !== true) yield* batches(call);
    } catch (error) {
      if (signal?.aborted !== true) throw convertToCommandError(error as Error);
    } finally {
      signal?.removeEventListener('abort', cancel);
      cancel();
    }
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #use<Result>(action: (client: StreamsClient) => Promise<Result>): Promise<Result> {
    const client = this.#client;
    try {
      return await action(client);
    } catch (error) {
      // The package's client never looks for a cluster again once it could not find it: only another one does.
      if (!isServerError(error) && client === this.#client) {
        this.#client = StreamsClient.connect(this.#settings);
        void client.close();
      }
      throw error;
    }
  }
}

/** gRPC's code for what the server does not take, whatever its state. */
const INVALID_ARGUMENT = 3;

/** An error of the package, which has a class for each type, and none that says that all have one. */
function isServerError(error: unknown): error is Error & { readonly type: ErrorType } {
  return error instanceof Error && isCommandError(error);
}

/** What no second try makes better, as an error of ours; `null` for the rest. */
export function fatalError(error: unknown): StrataError | null {
  if (!isServerError(error)) return null;
  const { type } = error;
  if (type === ErrorType.ACCESS_DENIED) {
    return errors.error('engine.misconfigured', 'EventStoreDB refuses the credentials, or what they may do', {
      cause: error,
    });
  }
  if (type === ErrorType.STREAM_DELETED) {
    return errors.error('engine.misconfigured', 'a stream was deleted on EventStoreDB, which a log never does', {
      cause: error,
    });
  }
  if ('code' in error && error.code === INVALID_ARGUMENT && type === ErrorType.UNKNOWN) {
    return errors.error('engine.misconfigured', `EventStoreDB refuses what it is sent: ${error.message}`, {
      cause: error,
    });
  }
  if (type === ErrorType.MAXIMUM_APPEND_SIZE_EXCEEDED) {
    return errors.error('log.write-too-large', 'the write is larger than EventStoreDB is set to take', {
      cause: error,
    });
  }
  return null;
}

/** How grpc-js says that it had no connection, and the server that it does not even begin. */
const NOT_SENT =
  /No connection established|Name resolution failed|Channel closed before call started|Server Is (?:Not Ready|Busy)/;

/** True when the server certainly did nothing: there was no connection, or it was not the leader. */
export function wasNeverSent(error: unknown): boolean {
  if (!isServerError(error)) return error instanceof Error && error.message.startsWith('Failed to discover');
  const { type, message } = error;
  if (type === ErrorType.DEADLINE_EXCEEDED) return /Waiting for (?:LB pick|name resolution)/.test(message);
  return type === ErrorType.NOT_LEADER || (type === ErrorType.UNAVAILABLE && NOT_SENT.test(message));
}

async function* batches(call: ReadCall): AsyncIterable<readonly ReadResp[]> {
  let wake: () => void = () => undefined;
  let hasEnded = false;
  let failure: Error | null = null;
  call.on('readable', () => wake());
  call.on('end', () => {
    hasEnded = true;
    wake();
  });
  call.on('error', (error: Error) => {
    failure = error;
    wake();
  });
  for (;;) {
    const batch: ReadResp[] = [];
    for (let message = call.read(); message !== null; message = call.read()) {
      batch.push(message);
      if (batch.length >= MESSAGES_MAX) break;
    }
    if (batch.length > 0) {
      yield batch;
      continue;
    }
    if (failure !== null) throw failure;
    if (hasEnded) return;
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
}
