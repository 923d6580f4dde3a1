import { defineView } from '#commands/view.ts';
import { assert } from '#src/assert.ts';
import type { DappEvents } from './events.ts';

/** What becomes of a dapp, in order; a deleted one's name is never given again. */
export const DAPP_STATES = ['created', 'published', 'deleted'] as const;

export type DappState = {
  readonly account: string;
  readonly state: (typeof DAPP_STATES)[number];
  /** Hashes of their manifests, oldest first. */
  readonly deploys: readonly string[];
  readonly published: string | null;
};

export const dappView = defineView<DappEvents, DappState | null>('dapp', null, {
  DappCreated: (_state, { account }) => ({ account, state: 'created', deploys: [], published: null }),
  DappDeployed: (state, { deploy }) => step(state, ({ deploys }) => ({ deploys: [...deploys, deploy] })),
  DeployPublished: (state, { deploy }) => step(state, () => ({ state: 'published', published: deploy })),
  DappRolledBack: (state, { deploy }) => step(state, () => ({ state: 'published', published: deploy })),
  DappReverted: (was, { state, published }) => step(was, () => ({ state, published })),
  DappDeleted: (state) => step(state, () => ({ state: 'deleted', published: null })),
});

function step(state: DappState | null, change: (dapp: DappState) => Partial<DappState>): DappState {
  assert(state !== null, 'a dapp is created first');
  return { ...state, ...change(state) };
}

type OwnerEvents = { readonly AccountOpened: object; readonly AccountErased: object };

/** What this domain needs to know of an account: whether it is there. */
export const ownerView = defineView<OwnerEvents, boolean>('dapps.account', false, {
  AccountOpened: () => true,
  AccountErased: () => false,
});

export function ownerStream(account: string): string {
  return `account-${account}`;
}

export function dappStream(dapp: string): string {
  return `dapp-${dapp}`;
}
