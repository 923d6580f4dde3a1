import type { SystemEvents } from '#commands/system/events.ts';
import type { Db } from '#history/db.ts';
import { collection, defineProjection } from '#history/projection.ts';
import { defineFolds } from '#projections/folds.ts';
import { parsed } from '#projections/queries.ts';

const PROMOTIONS = 'promotions';

type PromotionDocument = { readonly generation: number; readonly version: number };

/** Which copy of each projection was promoted last. */
export const promotionsProjection = defineProjection({
  name: 'promotions',
  version: 1,
  structures: [collection(PROMOTIONS)],
  folds: defineFolds<Pick<SystemEvents, 'ProjectionPromoted'>>({
    ProjectionPromoted: ({ projection, version, generation }, _event, context) =>
      context.collection(PROMOTIONS).put(projection, { generation, version }),
  }),
});

/** The last promotion; `null` where there was none. */
export function promotionOf(db: Db, projection: string): PromotionDocument | null {
  const version = db.collection(PROMOTIONS).get(projection);
  return version === null ? null : parsed<PromotionDocument>(version);
}
