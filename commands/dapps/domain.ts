import type { Domain } from '#handling/domain.ts';
import { deployedFiles } from '#projections/dapps/files.ts';
import { dappItems } from '#projections/dapps/items.ts';
import { dappsProjection } from '#projections/dapps/projection.ts';
import { dappQueries } from '#projections/dapps/queries.ts';
import { dappReverts } from '#projections/dapps/revert.ts';
import { dappsAudit } from './audit.ts';
import { createDapp } from './create-dapp.ts';
import { deleteDapp, deployDapp, publishDeploy, rollbackDapp } from './deploys.ts';
import { dappErrors } from './errors.ts';
import { dappEvents } from './events.ts';
import { revertDapp } from './revert-dapp.ts';
import { dappRoutes, dappUploads } from './routes.ts';

/** The registry of dapps: deploys by their content, and a pointer to the one that is served. */
export const dapps: Domain = {
  name: 'dapps',
  events: dappEvents,
  commands: [createDapp, deployDapp, publishDeploy, rollbackDapp, revertDapp, deleteDapp],
  errors: dappErrors,
  reactors: [],
  projections: [dappsProjection],
  items: [dappItems],
  commandRoutes: dappRoutes,
  uploadRoutes: dappUploads,
  revertRoutes: dappReverts,
  queryRoutes: dappQueries,
  audit: dappsAudit,
  blobs: deployedFiles,
};
