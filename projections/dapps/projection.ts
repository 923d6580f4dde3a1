import type { DappEvents } from '#commands/dapps/events.ts';
import { collection, type Document, defineProjection, type FoldContext } from '#history/projection.ts';
import { defineFolds, timeText } from '#projections/folds.ts';
import { assert } from '#src/assert.ts';
import { DEPLOYS, type DeployDocument, deployKey } from './deploys.ts';
import { DAPPS, type DappDocument } from './registry.ts';

/** The registry: every dapp, and every deploy of each. */
export const dappsProjection = defineProjection({
  name: 'dapps',
  version: 1,
  structures: [
    collection(DAPPS, {
      indexes: {
        account: { value: (document) => dappOf(document).account, sort: byName },
        published: { value: (document) => (dappOf(document).state === 'published' ? 'yes' : null), sort: byName },
      },
      counters: { all: () => 'all', account: (document) => dappOf(document).account },
    }),
    collection(DEPLOYS, {
      indexes: {
        dapp: { value: (document) => deployOf(document).dapp, sort: (document) => deployOf(document).deployedAt },
        deploy: { value: (document) => deployOf(document).deploy, sort: byName },
      },
    }),
  ],
  folds: defineFolds<DappEvents>({
    DappCreated: ({ account, dapp, title }, { at }, context) => {
      const created: DappDocument = {
        account,
        createdAt: timeText(at),
        dapp,
        published: null,
        state: 'created',
        title,
      };
      context.collection(DAPPS).put(dapp, created);
    },
    DappDeployed: ({ bytes, dapp, deploy, files }, { at }, context) => {
      const deployed: DeployDocument = { bytes, dapp, deploy, deployedAt: timeText(at), files };
      context.collection(DEPLOYS).put(deployKey(dapp, deploy), deployed);
    },
    DeployPublished: ({ dapp, deploy }, _event, context) =>
      change(context, dapp, { published: deploy, state: 'published' }),
    DappRolledBack: ({ dapp, deploy }, _event, context) =>
      change(context, dapp, { published: deploy, state: 'published' }),
    DappReverted: ({ dapp, state, published }, _event, context) => change(context, dapp, { published, state }),
    DappDeleted: ({ dapp }, _event, context) => change(context, dapp, { published: null, state: 'deleted' }),
  }),
});

function change(context: FoldContext, dapp: string, changes: Pick<DappDocument, 'published' | 'state'>): void {
  const dapps = context.collection(DAPPS);
  const before = dapps.get(dapp);
  assert(before !== null, 'a dapp is created first');
  dapps.put(dapp, { ...before, ...changes });
}

/** Rows of one value stand in the order of their keys. */
function byName(): null {
  return null;
}

// This projection alone writes these collections.
function dappOf(document: Document): DappDocument {
  return document as DappDocument;
}

function deployOf(document: Document): DeployDocument {
  return document as DeployDocument;
}
