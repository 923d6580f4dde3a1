import type { Db } from '#history/db.ts';
import { parsed } from '#projections/queries.ts';
import { DAPPS, type DappDocument, type ServedDeploy } from './registry.ts';

/** The collection of deploys, by dapp and hash. */
export const DEPLOYS = 'deploys';

/** What a DNS label may have (RFC 1035, 2.3.4). */
const LABEL_CHARACTERS_MAX = 63;
const SEPARATOR = '--';
const DIGITS_MIN = 12;
const DIGITS_MAX = 64;
const PREFIX = /^[0-9a-f]+$/;

export type DeployDocument = {
  readonly bytes: number;
  readonly dapp: string;
  /** The SHA-256 of its manifest. */
  readonly deploy: string;
  readonly deployedAt: string;
  readonly files: number;
};

export function deployKey(dapp: string, deploy: string): string {
  return `${dapp}/${deploy}`;
}

/** The one deploy of a dapp whose hash begins with `prefix`, published or not; `null` for none, several or a deleted dapp. */
export function deployOf(db: Db, dapp: string, prefix: string): ServedDeploy | null {
  if (!PREFIX.test(prefix)) return null;
  const owner = db.collection(DAPPS).get(dapp);
  if (owner === null || parsed<DappDocument>(owner).state === 'deleted') return null;
  const { items } = db.collection(DEPLOYS).scan({ prefix: deployKey(dapp, prefix), limit: 2 });
  const [only] = items;
  if (only === undefined || items.length > 1) return null;
  const { deploy } = parsed<DeployDocument>(only);
  return { deploy, manifest: deploy };
}

/**
 * The label of one deploy's own host, before the dapps' domain: as many digits of its hash as fit beside the dapp's name.
 * `null` for a name that leaves no room.
 */
export function deployLabel(dapp: string, deploy: string): string | null {
  const digits = Math.min(DIGITS_MAX, LABEL_CHARACTERS_MAX - SEPARATOR.length - dapp.length);
  return digits < DIGITS_MIN ? null : deploy.slice(0, digits) + SEPARATOR + dapp;
}
