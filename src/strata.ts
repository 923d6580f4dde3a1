import { readConfig } from './config.ts';
import type { Embedded } from './embedded.ts';
import { startServer } from './server.ts';
import { createLogger } from './telemetry/log.ts';

export type { ItemChange } from '#history/items/item-diff.ts';
export type { ItemVersion } from '#history/items/item-history.ts';
export type { Item } from '#history/items/items.ts';
export {
  type DiffOptions,
  diff,
  diffCounts,
  type Filters,
  type StrataDb,
  type Supposed,
  type When,
} from '#history/strata-db.ts';
export type { SendOptions, Sent } from './embedded.ts';
export { StrataError } from './errors.ts';

export type Strata = Embedded & {
  /** Where it is served over HTTP. */
  readonly url: string;
  /** The admin key that a first start made, where none was given; else `null`. */
  readonly adminKey: string | null;
  /** Answers what is at hand, then closes the log with its end mark. */
  close(): Promise<void>;
};

/**
 * Opens Strata in this process, on a data folder that no other process has open. The settings are those of the server's
 * environment, `{ STRATA_DATA_DIR: './data' }`; it is served too, on a free port of the loopback unless told otherwise.
 * @throws config.invalid, log.locked, log.corrupt
 */
export async function openStrata(settings: { readonly [name: string]: string } = {}): Promise<Strata> {
  const server = await startServer(readConfig({ STRATA_PORT: '0', ...settings }), createLogger({ level: 'warn' }));
  const { url, adminKey, strata } = server;
  return { ...strata, url, adminKey, close: () => server.close() };
}
