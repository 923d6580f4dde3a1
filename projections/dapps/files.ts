import { z } from 'zod';
import type { BlobReferences } from '#handling/domain.ts';
import type { Db } from '#history/db.ts';
import { parsed } from '#projections/queries.ts';
import { DEPLOYS, type DeployDocument } from './deploys.ts';

const PAGE_MAX = 1000;
const manifest = z.object({ files: z.array(z.object({ sha256: z.string() })) });

/** Deploys stay for ever: their manifests, which they are named by, and the files that these name. */
export const deployedFiles: BlobReferences = {
  isNamed: (db, sha256) => db.collection(DEPLOYS).list({ index: 'deploy', value: sha256, limit: 1 }).items.length > 0,
  manifests: {
    all: allDeploys,
    named: (bytes) => manifest.parse(JSON.parse(bytes.toString('utf8'))).files.map(({ sha256 }) => sha256),
  },
};

function* allDeploys(db: Db): Generator<string> {
  let cursor: string | null = null;
  do {
    const page = db.collection(DEPLOYS).scan({ prefix: '', limit: PAGE_MAX, ...(cursor !== null && { cursor }) });
    for (const version of page.items) yield parsed<DeployDocument>(version).deploy;
    cursor = page.next;
  } while (cursor !== null);
}
