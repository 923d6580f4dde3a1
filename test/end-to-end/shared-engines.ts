import { randomUUID } from 'node:crypto';
import { RedisServer } from '../integration/redis-server.ts';
import { S3_ENV, S3Server } from '../integration/s3-server.ts';

/** A real Redis and a real S3 server: what a log that several members share needs beside it. */
export class SharedEngines {
  readonly redis = new RedisServer();
  readonly s3 = new S3Server();
  /** Names of this run's own. */
  readonly run = randomUUID().slice(0, 8);

  async start(): Promise<void> {
    Object.assign(process.env, S3_ENV);
    await Promise.all([this.redis.start(), this.s3.start()]);
  }

  async stop(): Promise<void> {
    await Promise.all([this.redis.stop(), this.s3.stop()]);
  }

  /** The settings of a member, for a log of its own by `part`. */
  settings(logUrl: string, part: string): { readonly [name: string]: string } {
    return {
      STRATA_LOG_URL: logUrl,
      STRATA_CACHE_URL: this.redis.url,
      STRATA_BLOBS_URL: `s3://${this.s3.bucket}?endpoint=${this.s3.endpoint}&prefix=${this.run}-${part}/`,
      STRATA_CLUSTER_SECRET: 'a-secret-of-the-members',
    };
  }
}
