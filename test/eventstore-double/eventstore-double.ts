import { CERTIFICATE, type Cluster, ServerNode } from './server-node.ts';
import { TransactionFile } from './transaction-file.ts';

export type DoubleOptions = {
  /** How many nodes the cluster has; the first one leads. */
  readonly nodes?: number;
  /** ms since 1970: what `created` is taken from. */
  readonly clock?: () => number;
  /** `user:password` that every call must bring, over TLS. */
  readonly credentials?: string;
};

/**
 * Stands in for an EventStoreDB or KurrentDB cluster, of which no server can be had everywhere: the streams service over gRPC, on the
 * client's own protocol, with the documented rules of expected revisions, idempotence, `$all`, filters and subscriptions; and
 * what goes wrong, on demand. The nodes share one transaction file: replication between them is not modelled.
 */
export class EventStoreDouble implements Cluster {
  readonly file: TransactionFile;
  readonly nodes: readonly ServerNode[];
  readonly credentials: string | null;
  leader: ServerNode;

  private constructor({ nodes = 1, clock = Date.now, credentials }: DoubleOptions) {
    this.file = new TransactionFile(clock);
    this.credentials = credentials ?? null;
    this.nodes = Array.from({ length: nodes }, () => new ServerNode(this));
    this.leader = this.nodes[0]!;
    // A server has events of its own in `$all`, which nobody asked for.
    for (const type of ['$UserCreated', '$metadata']) {
      const bytes = Buffer.from('{}');
      const id = `00000000-0000-4000-8000-${type.length.toString(16).padStart(12, '0')}`;
      const event = { id, type, contentType: 'application/json', data: bytes, metadata: bytes };
      this.file.append(`$system-${type}`, 'any', [event]);
    }
  }

  /** A running cluster. Whoever starts it stops it. */
  static async start(options: DoubleOptions = {}): Promise<EventStoreDouble> {
    const double = new EventStoreDouble(options);
    for (const node of double.nodes) await node.start();
    return double;
  }

  /** What a client connects to; with several nodes it finds the leader by gossip. */
  get url(): string {
    if (this.credentials === null) return `esdb://${this.nodes.map(({ address }) => address).join(',')}?tls=false`;
    const hosts = this.nodes.map(({ port }) => `localhost:${port}`).join(',');
    return `esdb://${this.credentials}@${hosts}?tlsCAFile=${encodeURIComponent(CERTIFICATE)}`;
  }

  /** Restarts the leader: its connections are gone, and so is what it remembered of recent ids. */
  async restart(): Promise<void> {
    this.leader.stop();
    this.file.forgetRecent();
    await this.leader.start();
  }

  stop(): void {
    for (const node of this.nodes) node.stop();
  }
}
