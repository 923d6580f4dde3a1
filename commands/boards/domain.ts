import type { Domain } from '#handling/domain.ts';
import { boardDifferences } from '#projections/boards/diff.ts';
import { boardsProjection } from '#projections/boards/projection.ts';
import { boardQueries } from '#projections/boards/queries.ts';
import { boardReverts } from '#projections/boards/revert.ts';
import { boardsAudit } from './audit.ts';
import { cooldownAdmissions } from './cooldown.ts';
import { createBoard } from './create-board.ts';
import { boardErrors } from './errors.ts';
import { boardEvents } from './events.ts';
import { placePixel } from './place-pixel.ts';
import { revertPixels } from './revert-pixels.ts';
import { boardRoutes } from './routes.ts';

/** Pixel boards: settings, and pixels that anyone with a key may place, each at their turn. */
export const boards: Domain = {
  name: 'boards',
  events: boardEvents,
  commands: [createBoard, placePixel, revertPixels],
  errors: boardErrors,
  reactors: [],
  projections: [boardsProjection],
  differences: [boardDifferences],
  commandRoutes: boardRoutes,
  uploadRoutes: [],
  revertRoutes: boardReverts,
  queryRoutes: boardQueries,
  admissions: cooldownAdmissions,
  audit: boardsAudit,
};
