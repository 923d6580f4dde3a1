import { Command } from 'commander';
import { readBlobsUrl, readLogUrl } from '../../config.ts';
import type { OpenSession } from '../program.ts';
import { paint, type Terminal } from '../terminal.ts';

type Prepared = { readonly name: string; readonly made: boolean };

/** What `--json` prints; `null` for an engine that has nothing to be made ahead. */
type Report = {
  readonly log: { readonly topics: readonly Prepared[]; readonly partitions: number } | null;
  readonly blobs: { readonly bucket: string; readonly made: boolean } | null;
};

/** `strata init`. */
export function initCommand(open: OpenSession): Command {
  return new Command('init')
    .description(
      'make what the engines need ahead of the first start: the topics of a log on Kafka, the bucket\n' +
        'of blobs in S3. What is there is checked. For servers that run with STRATA_CREATE=never.',
    )
    .option('--log <url>', 'kafka://HOST:PORT,…/TOPIC?partitions=&replication= (default: STRATA_LOG_URL)')
    .option('--blobs <url>', 's3://BUCKET?endpoint=&region= (default: STRATA_BLOBS_URL)')
    .action(async (options: { log?: string; blobs?: string }, command: Command) => {
      const { terminal, json } = open(command);
      const report = await prepare(
        options.log ?? (terminal.env.STRATA_LOG_URL || null),
        options.blobs ?? (terminal.env.STRATA_BLOBS_URL || null),
        (message) => terminal.err(`${message}\n`),
      );
      terminal.out(json ? `${JSON.stringify(report)}\n` : describe(terminal, report));
    });
}

async function prepare(log: string | null, blobs: string | null, report: (message: string) => void): Promise<Report> {
  // Both are read before anything is made. The data folder plays no part.
  const makeTopics = log !== null && readLogUrl(log, '.').engine === 'kafka' ? await topicsOf(log, report) : null;
  const makeBucket = blobs !== null && readBlobsUrl(blobs).engine === 's3' ? await bucketOf(blobs) : null;
  return { log: (await makeTopics?.()) ?? null, blobs: (await makeBucket?.()) ?? null };
}

async function topicsOf(url: string, report: (message: string) => void): Promise<() => Promise<Report['log']>> {
  const [{ kafkaSettings }, { kafkaClient }, { prepareTopics }] = await Promise.all([
    import('#log/kafka/url.ts'),
    import('#log/kafka/client.ts'),
    import('#log/kafka/topics.ts'),
  ]);
  const settings = kafkaSettings(url);
  const client = await kafkaClient(settings, { report });
  return async () => {
    const { topic, orderTopic, partitions, made } = await prepareTopics(client, settings, { create: true });
    return { topics: [topic, orderTopic].map((name) => ({ name, made: made.includes(name) })), partitions };
  };
}

async function bucketOf(url: string): Promise<() => Promise<Report['blobs']>> {
  const [{ parseBucketUrl }, { createBucket }] = await Promise.all([
    import('#blobs/bucket-url.ts'),
    import('#blobs/create-bucket.ts'),
  ]);
  const { bucket } = parseBucketUrl(url);
  return async () => ({ bucket, made: await createBucket(url) });
}

function describe(terminal: Terminal, { log, blobs }: Report): string {
  const line = (what: string, isMade: boolean) =>
    `${isMade ? paint(terminal, 'green', 'made') : 'there'}  ${what}${isMade ? '' : ', as it must be'}\n`;
  const topics = (log?.topics ?? []).map(({ name, made }, index) => {
    const count = index === 0 ? log!.partitions : 1;
    return line(`topic ${name} with ${count} partition${count === 1 ? '' : 's'}`, made);
  });
  const bucket = blobs === null ? [] : [line(`bucket ${blobs.bucket}`, blobs.made)];
  if (topics.length + bucket.length > 0) return [...topics, ...bucket].join('');
  return 'nothing to make: only kafka: logs and s3: blobs need something ahead of the first start\n';
}
