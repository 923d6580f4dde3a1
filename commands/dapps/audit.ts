import { z } from 'zod';
import { sha256 } from '#commands/fields.ts';
import { defineInvariant } from '#commands/invariant.ts';
import { type BlobUse, counted, type DomainAudit, type NeededBlob } from '#handling/invariant.ts';
import type { DappEvents } from './events.ts';

type Dapps = { readonly deploys: Map<string, Set<string>>; published: number };

const publishedExists = defineInvariant<DappEvents, Dapps>(
  'what is published was deployed',
  () => ({ deploys: new Map(), published: 0 }),
  {
    DappCreated: ({ deploys }, { dapp }) => {
      if (deploys.has(dapp)) return `dapp ${dapp} is created twice`;
      deploys.set(dapp, new Set());
      return null;
    },
    DappDeployed: ({ deploys }, { dapp, deploy }) => {
      const own = deploys.get(dapp);
      if (own === undefined) return `dapp ${dapp} was never created`;
      own.add(deploy);
      return null;
    },
    DeployPublished: (state, { dapp, deploy }) => publish(state, dapp, deploy),
    DappRolledBack: (state, { dapp, deploy }) => publish(state, dapp, deploy),
    DappReverted: (state, { dapp, published }) => (published === null ? null : publish(state, dapp, published)),
  },
  ({ deploys, published }) => `${counted(deploys.size, 'dapp')}, published ${counted(published, 'time')}`,
);

const manifest = z.object({ files: z.array(z.object({ path: z.string(), sha256 })) });

/** Every deploy stays addressable: its manifest, and the files that it names. */
const deploysBlobs: BlobUse = {
  types: ['DappDeployed'],
  begin: () => {
    const deploys = new Map<string, string>();
    return {
      visit: ({ data }) => {
        const { dapp, deploy } = data as DappEvents['DappDeployed'];
        deploys.set(deploy, dapp);
      },
      blobs: () => deploys.entries().map(([deploy, dapp]) => neededBy(dapp, deploy)),
    };
  },
};

export const dappsAudit: DomainAudit = { invariants: [publishedExists], blobs: deploysBlobs };

function publish(state: Dapps, dapp: string, deploy: string): string | null {
  state.published += 1;
  return state.deploys.get(dapp)?.has(deploy) === true ? null : `dapp ${dapp} has no deploy ${deploy}`;
}

function neededBy(dapp: string, deploy: string): NeededBlob {
  return {
    sha256: deploy,
    what: `the manifest of a deploy of dapp ${dapp}`,
    within: (bytes) =>
      manifest.parse(JSON.parse(bytes.toString('utf8'))).files.map((file) => ({
        sha256: file.sha256,
        what: `${file.path} of a deploy of dapp ${dapp}`,
      })),
  };
}
