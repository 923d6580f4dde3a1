import { defineView, type EventOf } from '#commands/view.ts';
import { defineCommand } from '#handling/domain.ts';
import { systemErrors } from './errors.ts';
import { projectionPromoted, type SystemEvents } from './events.ts';

type Promoted = { readonly version: number; readonly generation: number };

const NONE: Promoted = { version: 0, generation: 0 };

/** The copy that was promoted last. */
const promotedView = defineView<SystemEvents, Promoted>('projection', NONE, {
  ProjectionPromoted: (_before, { version, generation }) => ({ version, generation }),
});

export const promoteProjection = defineCommand({
  type: 'PromoteProjection',
  schema: projectionPromoted,
  roles: ['admin'],
  stream: ({ projection }) => `projection-${projection}`,
  view: promotedView,
  decide: ({ data }, last): readonly EventOf<SystemEvents>[] => {
    const { projection, version, generation } = data;
    if (version === last.version && generation === last.generation) return [];
    if (version < last.version || (version === last.version && generation < last.generation)) {
      const later = `${projection}@${last.version}.${last.generation}`;
      throw systemErrors.error('projection.superseded', `${later} was promoted, which is later`);
    }
    return [{ type: 'ProjectionPromoted', data: { projection, version, generation } }];
  },
});
