import type { Db } from '../db.ts';
import { collection, defineProjection, raster } from '../projection.ts';
import type { Promotion } from './rebuildable.ts';

/** Projections for tests of the fold's thread: counters by key and a board; and which copies were promoted. */
export const testDefinitions = [
  defineProjection({
    name: 'test',
    version: 1,
    structures: [
      collection('sums', {
        indexes: { all: { value: () => 'all', sort: ({ sum }) => sum as number } },
        counters: { all: () => 'all' },
      }),
      raster('pixels'),
    ],
    folds: {
      Added: (event, context) => {
        const { key, amount } = event.data as { key: string; amount: number };
        const sums = context.collection('sums');
        const before = sums.get(key) as { sum: number } | null;
        sums.put(key, { sum: (before?.sum ?? 0) + amount });
      },
      Painted: (event, context) => {
        const { x, y, color } = event.data as { x: number; y: number; color: number };
        context.raster('pixels').set('board', x, y, color);
      },
      Broken: () => {
        throw new Error('it does not fold');
      },
    },
  }),
  defineProjection({
    name: 'promotions',
    version: 1,
    structures: [collection('promotions')],
    folds: {
      Promoted: ({ data }, context) => context.collection('promotions').put(data.projection as string, data),
    },
  }),
];

export function testPromotionOf(db: Db, projection: string): Promotion | null {
  const version = db.collection('promotions').get(projection);
  return version === null ? null : (JSON.parse(version.bytes.toString()) as Promotion);
}
