import type { Domain } from '#handling/domain.ts';
import { dappsProjection } from '#projections/dapps/projection.ts';
import { dappQueries } from '#projections/dapps/queries.ts';
import { createDapp } from './create-dapp.ts';
import { deleteDapp, deployDapp, publishDeploy, rollbackDapp } from './deploys.ts';
import { dappErrors } from './errors.ts';
import { dappEvents } from './events.ts';
import { dappRoutes, dappUploads } from './routes.ts';

/** The registry of dapps: deploys by their content, and a pointer to the one that is served. */
export const dapps: Domain = {
  name: 'dapps',
  events: dappEvents,
  commands: [createDapp, deployDapp, publishDeploy, rollbackDapp, deleteDapp],
  errors: dappErrors,
  reactors: [],
  projections: [dappsProjection],
  commandRoutes: dappRoutes,
  uploadRoutes: dappUploads,
  queryRoutes: dappQueries,
};
