import type { Domain } from '#handling/domain.ts';
import { promotionsProjection } from '#projections/system/promotions.ts';
import { systemErrors } from './errors.ts';
import { systemEvents } from './events.ts';
import { promoteProjection } from './promote-projection.ts';

/** What operators decide for all nodes: which copy of a projection serves. Its routes are `src/http/projection-routes.ts`. */
export const system: Domain = {
  name: 'system',
  events: systemEvents,
  commands: [promoteProjection],
  errors: systemErrors,
  reactors: [],
  projections: [promotionsProjection],
  commandRoutes: [],
  uploadRoutes: [],
  queryRoutes: [],
};
