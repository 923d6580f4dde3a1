import type { Domain } from '#handling/domain.ts';
import { boardsProjection } from '#projections/boards/projection.ts';
import { boardQueries } from '#projections/boards/queries.ts';
import { cooldownAdmissions } from './cooldown.ts';
import { createBoard } from './create-board.ts';
import { boardErrors } from './errors.ts';
import { boardEvents } from './events.ts';
import { placePixel } from './place-pixel.ts';
import { boardRoutes } from './routes.ts';

/** Pixel boards: settings, and pixels that anyone with a key may place, each at their turn. */
export const boards: Domain = {
  name: 'boards',
  events: boardEvents,
  commands: [createBoard, placePixel],
  errors: boardErrors,
  reactors: [],
  projections: [boardsProjection],
  commandRoutes: boardRoutes,
  uploadRoutes: [],
  queryRoutes: boardQueries,
  admissions: cooldownAdmissions,
};
