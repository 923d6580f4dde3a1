import type { Readable } from 'node:stream';
import { convertToCommandError, EventStoreDBClient } from '@eventstore/db-client';
import services from '@eventstore/db-client/generated/streams_grpc_pb.js';
import type { ReadReq, ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import {
  type AppendAnswer,
  type AppendExpected,
  appendAnswer,
  appendMessages,
  type ProposedEvent,
} from './append-protocol.ts';
import { channelSecurity, type EventStoreSettings } from './url.ts';

/** A call that answers with messages, as grpc-js has it. */
export type ReadCall = Pick<Readable, 'on'> & { cancel(): void; read(): ReadResp | null };

/**
 * The package's client, from which come connecting, discovery, redirection to the leader and credentials; the calls
 * themselves go over its generated protocol:
 *
 * - `appendToStream` batches appends over one call, unless it is given credentials. Its batches have no deadline here, are
 *   all failed when any client of the process loses its connection, and an answer that still comes then throws where nobody
 *   can catch it. So every append is a call of its own, with or without credentials.
 * - `subscribeToAll` tells of checkpoints before its reader has the events that precede them.
 */
export class StreamsClient extends EventStoreDBClient {
  #channel: { close(): void } | null = null;

  static connect({ connection }: EventStoreSettings): StreamsClient {
    const { hosts, dnsDiscover, defaultCredentials: credentials, ...settings } = connection;
    const security = channelSecurity(connection);
    const [first] = hosts;
    if (first === undefined) throw new Error('a connection string names a host');
    if (dnsDiscover) return new StreamsClient({ ...settings, discover: first }, security, credentials);
    if (hosts.length > 1) return new StreamsClient({ ...settings, endpoints: hosts }, security, credentials);
    return new StreamsClient({ ...settings, endpoint: first }, security, credentials);
  }

  /**
   * Appends events to a stream in one transaction.
   * @throws what the server or the connection says, as the package's errors
   */
  append(
    stream: string,
    expected: AppendExpected,
    events: readonly ProposedEvent[],
    deadlineMs: number,
  ): Promise<AppendAnswer> {
    return this.execute(services.StreamsClient, 'append', (grpc) => {
      this.#channel = grpc.getChannel();
      const { promise, resolve, reject } = Promise.withResolvers<AppendAnswer>();
      const options = this.callArguments({ requiresLeader: true, deadline: deadlineMs });
      const call = grpc.append(...options, (error, answer) => {
        if (error !== null) reject(convertToCommandError(error));
        else resolve(appendAnswer(answer));
      });
      call.on('error', reject);
      // At most a megabyte, so it is not worth waiting for room between them.
      for (const message of appendMessages(stream, expected, events)) call.write(message);
      call.end();
      return promise;
    });
  }

  /** Begins a read. Whoever begins it reads it to its end, or cancels it. */
  async read(request: ReadReq): Promise<ReadCall> {
    const begin = this.GRPCStreamCreator(services.StreamsClient, 'read', (grpc) => {
      this.#channel = grpc.getChannel();
      return grpc.read(request, ...this.callArguments({}, { deadline: Number.POSITIVE_INFINITY }));
    });
    return begin();
  }

  /** Ends what is under way, and the connection. */
  async close(): Promise<void> {
    await this.dispose();
    this.#channel?.close();
  }
}
