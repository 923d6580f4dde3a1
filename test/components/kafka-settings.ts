/** Where a broker of a cluster listens, and what it is called there. */
export type BrokerPlace = { readonly node: number; readonly port: number; readonly controllerPort: number };

/** Small heaps and no second compiler: a broker takes 140 to 220 MB and starts in 1 to 3 s. */
export const JAVA_OPTIONS = [
  '-Xms64m',
  '-Xmx256m',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-XX:+ExitOnOutOfMemoryError',
];

/** Quiet but for what says that the broker is ready. */
export const LOG4J_SETTINGS = `Configuration:
  Appenders:
    Console:
      name: console
      PatternLayout: { pattern: '%d %p %m (%c)%n' }
  Loggers:
    Root: { level: WARN, AppenderRef: { ref: console } }
    Logger: [{ name: kafka.server.KafkaRaftServer, level: INFO }]
`;

/** server.properties of one node of a cluster that is broker and controller in one, for tests: quick to start and to rebalance. */
export function serverProperties(
  place: BrokerPlace,
  cluster: readonly BrokerPlace[],
  dataDir: string,
  settings: { readonly [name: string]: string },
): string {
  const copies = cluster.length >= 3 ? 3 : 1;
  const copiesInSync = cluster.length >= 3 ? 2 : 1;
  const properties = {
    'process.roles': 'broker,controller',
    'node.id': place.node,
    'controller.quorum.voters': cluster.map((one) => `${one.node}@127.0.0.1:${one.controllerPort}`).join(','),
    listeners: `BROKER://127.0.0.1:${place.port},CONTROLLER://127.0.0.1:${place.controllerPort}`,
    'advertised.listeners': `BROKER://127.0.0.1:${place.port}`,
    'listener.security.protocol.map': 'BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'BROKER',
    'log.dirs': dataDir,
    'auto.create.topics.enable': false,
    'default.replication.factor': copies,
    'min.insync.replicas': copiesInSync,
    'offsets.topic.replication.factor': copies,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': copies,
    'transaction.state.log.min.isr': copiesInSync,
    'transaction.state.log.num.partitions': 4,
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': 1000,
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1000,
    'log.cleaner.dedupe.buffer.size': 2_097_152,
    // Else a broker that was killed is missed for 9 s, and its restart takes 12.
    'broker.heartbeat.interval.ms': 500,
    'broker.session.timeout.ms': 2000,
    // Else brokers wait half a minute for a controller that is frozen, and for a copy that is.
    'controller.socket.timeout.ms': 2000,
    'replica.lag.time.max.ms': 5000,
    'num.network.threads': 2,
    'num.io.threads': 2,
    ...settings,
  };
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}
