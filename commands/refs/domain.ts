import type { Domain } from '#handling/domain.ts';
import { refItems } from '#projections/refs/items.ts';
import { refsProjection } from '#projections/refs/projection.ts';
import { refQueries } from '#projections/refs/queries.ts';
import { refErrors } from './errors.ts';
import { refEvents } from './events.ts';
import { refRoutes } from './routes.ts';
import { deleteRef, setRef } from './set-ref.ts';

/** Names of positions, as git has tags. */
export const refs: Domain = {
  name: 'refs',
  events: refEvents,
  commands: [setRef, deleteRef],
  errors: refErrors,
  reactors: [],
  projections: [refsProjection],
  items: [refItems],
  commandRoutes: refRoutes,
  uploadRoutes: [],
  queryRoutes: refQueries,
};
