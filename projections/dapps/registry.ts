import type { DAPP_STATES } from '#commands/dapps/state.ts';
import type { Db } from '#history/db.ts';
import { parsed } from '#projections/queries.ts';

/** The collection of dapps, by name. */
export const DAPPS = 'dapps';

export type DappDocument = {
  readonly account: string;
  readonly createdAt: string;
  readonly dapp: string;
  /** The deploy that is served. */
  readonly published: string | null;
  readonly state: (typeof DAPP_STATES)[number];
  readonly title: string | null;
};

/** A deploy that is served; the manifest is a blob by its SHA-256. */
export type ServedDeploy = { readonly deploy: string; readonly manifest: string };

/** The deploy that a dapp serves, or `null`. */
export function publishedDeploy(db: Db, dapp: string): ServedDeploy | null {
  const version = db.collection(DAPPS).get(dapp);
  const published = version === null ? null : parsed<DappDocument>(version).published;
  // A deploy is named by its manifest.
  return published === null ? null : { deploy: published, manifest: published };
}
