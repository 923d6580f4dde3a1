import { bystander } from '#cluster/bystander.ts';
import type { Membership } from '#cluster/membership.ts';
import type { Codec } from '#events/encoding.ts';
import { openEmbeddedLog } from '#log/embedded/embedded-log.ts';
import type { LogId } from '#log/event-log.ts';
import type { LocalLog } from '#log/local-log.ts';
import type { LogConfig } from '../config.ts';

export type EngineLogOptions = {
  readonly codec: Codec;
  readonly report: (message: string) => void;
};

export type TargetOptions = EngineLogOptions & {
  /** What a log that is made new gets as its own. */
  readonly identity: { readonly id: LogId; readonly epoch: number };
  /** Whether what the engine lacks is made. */
  readonly create: boolean;
};

/** Opens a log to read it, on whatever engine it is: nothing is made, and no partition is taken from its members. */
export function openSource(config: LogConfig, options: EngineLogOptions): Promise<LocalLog> {
  return open(config, { ...options, create: false }, { membership: async () => bystander() });
}

/** Opens a log to import another one. */
export function openTarget(config: LogConfig, options: TargetOptions): Promise<LocalLog> {
  return open(config, options, {});
}

/** An engine's client is loaded only here. */
async function open(
  config: LogConfig,
  { create, ...common }: EngineLogOptions & Partial<TargetOptions> & { readonly create: boolean },
  kafka: { readonly membership?: () => Promise<Membership> },
): Promise<LocalLog> {
  if (config.engine === 'embedded') return openEmbeddedLog({ ...common, ...config });
  const { url, dir } = config;
  if (config.engine === 'kafka') {
    const { openKafkaLog } = await import('#log/kafka/kafka-log.ts');
    return openKafkaLog({ url, dir, create, address: null, ...common, ...kafka });
  }
  const { openEventStoreLog } = await import('#log/eventstore/eventstore-log.ts');
  return openEventStoreLog({ url, dir, create, ...common });
}

/** The URL as it may be shown: without who signs in, and without settings. */
export function shownUrl(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//').replace(/\?.*$/s, '');
}
