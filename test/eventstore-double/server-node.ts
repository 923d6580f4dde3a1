import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import gossipService from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import gossips from '@eventstore/db-client/generated/gossip_pb.js';
import featuresService from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import features from '@eventstore/db-client/generated/serverfeatures_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streamsService from '@eventstore/db-client/generated/streams_grpc_pb.js';
import { type Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js';
import { type CallError, callError, notLeader } from './answers.ts';
import { append, batchAppend } from './append-calls.ts';
import { read } from './read-call.ts';
import type { TransactionFile } from './transaction-file.ts';

const HOST = '127.0.0.1';
/** A certificate of its own, for 127.0.0.1: tests only. */
export const CERTIFICATE = fileURLToPath(new URL('tls/certificate.pem', import.meta.url));
const PRIVATE_KEY = fileURLToPath(new URL('tls/key.pem', import.meta.url));

/**
 * What goes wrong with an append: refused before anything was done; lost on the way; done, and the answer cut off or
 * never sent, so that the client's deadline passes.
 */
export type AppendFault = 'unavailable' | 'lost' | 'answer cut off' | 'answer lost';

/** What a node knows of its cluster. */
export type Cluster = {
  readonly file: TransactionFile;
  readonly nodes: readonly ServerNode[];
  readonly leader: ServerNode;
  /** `user:password` that every call must bring, or `null`; then the connections are TLS, as clients send none without it. */
  readonly credentials: string | null;
};

type Droppable = {
  emit(event: 'error', error: Error): boolean;
  on(event: 'cancelled' | 'close', listener: () => void): void;
};

/** One server: the streams service, gossip and server features on a port of its own. */
export class ServerNode {
  port = 0;
  /** Calls that came, by what they are. */
  readonly calls = { append: 0, batchAppend: 0, read: 0 };
  /** How many subscriptions wait until their client takes more. */
  heldBack = 0;
  /** The position after which each subscription to `$all` began; `null` for the beginning. */
  readonly subscribedAfter: (number | null)[] = [];
  readonly #cluster: Cluster;
  readonly #faults: AppendFault[] = [];
  readonly #subscriptions = new Map<Droppable, AbortController>();
  #server: Server | null = null;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  get address(): string {
    return `${HOST}:${this.port}`;
  }

  get file(): TransactionFile {
    return this.#cluster.file;
  }

  /** How many subscriptions it serves. */
  get subscriptions(): number {
    return this.#subscriptions.size;
  }

  /** Listens, on the port that it had before if it was started before. */
  async start(): Promise<void> {
    const server = new Server({ 'grpc.max_receive_message_length': 16 * 1024 * 1024 });
    server.addService(streamsService.StreamsService, {
      append: append(this),
      batchAppend: batchAppend(this),
      read: read(this),
    });
    server.addService(gossipService.GossipService, {
      read: (_: unknown, answer: (error: null, info: unknown) => void) => answer(null, this.#gossip()),
    });
    server.addService(featuresService.ServerFeaturesService, {
      getSupportedMethods: (_: unknown, answer: (error: null, methods: unknown) => void) =>
        answer(null, supportedMethods()),
    });
    this.port = await new Promise<number>((resolve, reject) => {
      const credentials = this.#cluster.credentials === null ? ServerCredentials.createInsecure() : secured();
      server.bindAsync(`${HOST}:${this.port}`, credentials, (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
    this.#server = server;
  }

  /** As a process that is killed: every connection is gone. */
  stop(): void {
    for (const left of this.#subscriptions.values()) left.abort();
    this.#subscriptions.clear();
    this.#server?.forceShutdown();
    this.#server = null;
  }

  failAppends(...faults: readonly AppendFault[]): void {
    this.#faults.push(...faults);
  }

  takeAppendFault(): AppendFault | null {
    return this.#faults.shift() ?? null;
  }

  /** Ends all subscriptions, as a server that shuts down or finds a client too slow. */
  dropSubscriptions(): void {
    for (const [call, left] of [...this.#subscriptions]) {
      // Nothing is written after the end.
      left.abort();
      call.emit('error', Object.assign(new Error('dropped'), callError(status.UNAVAILABLE, 'Subscription dropped')));
    }
  }

  /** Why the node does not take a call. */
  refusal(metadata: Metadata): CallError | null {
    const { credentials, leader } = this.#cluster;
    if (credentials !== null) {
      const [authorization] = metadata.get('authorization');
      const wanted = `Basic ${Buffer.from(credentials).toString('base64')}`;
      if (authorization !== wanted) {
        return callError(status.PERMISSION_DENIED, 'Access Denied', { exception: 'access-denied' });
      }
    }
    const [requiresLeader] = metadata.get('requires-leader');
    return requiresLeader === 'true' && leader !== this ? notLeader(HOST, leader.port) : null;
  }

  /** Counts a subscription; the signal tells when it is over. */
  subscribed(call: Droppable): AbortSignal {
    const left = new AbortController();
    this.#subscriptions.set(call, left);
    const leave = () => {
      this.#subscriptions.delete(call);
      left.abort();
    };
    call.on('cancelled', leave);
    call.on('close', leave);
    return left.signal;
  }

  #gossip() {
    const { LEADER, FOLLOWER } = gossips.MemberInfo.VNodeState;
    const info = new gossips.ClusterInfo();
    info.setMembersList(
      this.#cluster.nodes.map((node) => {
        const endpoint = new gossips.EndPoint();
        endpoint.setAddress(HOST);
        endpoint.setPort(node.port);
        const id = new shared.UUID();
        id.setString(`00000000-0000-4000-8000-${String(node.port).padStart(12, '0')}`);
        const member = new gossips.MemberInfo();
        member.setInstanceId(id);
        member.setIsAlive(node.#server !== null);
        member.setState(node === this.#cluster.leader ? LEADER : FOLLOWER);
        member.setHttpEndPoint(endpoint);
        return member;
      }),
    );
    return info;
  }
}

function secured(): ServerCredentials {
  const pair = { cert_chain: readFileSync(CERTIFICATE), private_key: readFileSync(PRIVATE_KEY) };
  return ServerCredentials.createSsl(null, [pair]);
}

function supportedMethods() {
  const methods = new features.SupportedMethods();
  methods.setEventStoreServerVersion('24.10.0');
  methods.setMethodsList(
    ['read', 'append', 'batchappend'].map((name) => {
      const method = new features.SupportedMethod();
      method.setServiceName('event_store.client.streams.streams');
      method.setMethodName(name);
      return method;
    }),
  );
  return methods;
}
