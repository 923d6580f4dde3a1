/** What a metric is: a number that only rises, one that goes up and down, or how long things took. */
export type MetricDefinition = {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
};

const counter = (help: string, ...labels: string[]): MetricDefinition => ({ type: 'counter', help, labels });
const gauge = (help: string, ...labels: string[]): MetricDefinition => ({ type: 'gauge', help, labels });
const histogram = (help: string, ...labels: string[]): MetricDefinition => ({ type: 'histogram', help, labels });

/**
 * Every metric that Strata tells, named as Prometheus advises: base units, `_total` for what only rises.
 * `docs/reference/metrics.md` lists them all, and a test keeps it so.
 */
export const METRICS = {
  strata_build_info: gauge('1, with what runs', 'version', 'node', 'log', 'blobs', 'cache'),
  strata_ready: gauge('1 while /readyz answers 200, else 0'),
  strata_problem: gauge('1 for each problem that /readyz names now', 'code'),
  strata_disk_free_bytes: gauge('room left for this process on the file system of a folder', 'folder'),
  strata_disk_size_bytes: gauge('size of the file system of a folder', 'folder'),

  strata_http_requests_total: counter('requests answered, by route and class of status', 'method', 'route', 'status'),
  strata_http_request_duration_seconds: histogram('time from a request to its whole answer', 'method', 'route'),
  strata_http_requests_in_flight: gauge('requests whose answer is not complete'),

  strata_commands_total: counter('commands by type and what became of them', 'type', 'outcome'),
  strata_commands_in_flight: gauge('commands submitted and not yet answered'),

  strata_log_append_duration_seconds: histogram('time from handing a batch of writes to the log until it is durable'),
  strata_log_writes_total: counter('writes handed to the log, by what became of them', 'outcome'),
  strata_log_head: gauge('offset of the last event that can be read'),
  strata_log_written_bytes_total: counter('bytes written to segment files on this machine'),
  strata_log_batches_total: counter('batches written to segment files: each is one write and one sync'),

  strata_partitions: gauge('partitions of the log'),
  strata_partitions_owned: gauge('partitions whose writes this member decides now'),
  strata_lease_seconds: gauge('how long the claim on partitions holds without another heartbeat; below 0 it is over'),
  strata_replica_lag_records: gauge('records of the shared log that this member has not read yet', 'partition'),
  strata_commands_forwarded_total: counter('commands that were sent on to the owner of their partition'),
  strata_commands_waited_total: counter('times that a command waited while its partition moved'),
  strata_forwarded_batches_received_total: counter('batches of commands that other members sent on'),

  strata_projection_position: gauge('offset up to which a projection is folded', 'projection'),
  strata_projection_lag_seconds: gauge('for how long synced events have waited to be folded'),

  strata_tree_size: gauge('events in the signed tree of the log'),

  strata_live_connections: gauge('live clients connected'),
  strata_live_subscriptions: gauge('topics that live clients listen to'),
  strata_live_messages_total: counter(
    'messages to live clients: published once for all listeners, or sent to one',
    'kind',
  ),
  strata_live_dropped_total: counter('live clients that were closed because they could not keep up'),

  strata_blob_operations_total: counter('operations of the blob store, by what became of them', 'operation', 'outcome'),
  strata_blob_operation_duration_seconds: histogram('time until a blob operation was answered', 'operation'),
  strata_blob_received_bytes_total: counter('bytes of blobs that were received and kept'),
} as const satisfies { readonly [name: string]: MetricDefinition };

export type MetricName = keyof typeof METRICS;
