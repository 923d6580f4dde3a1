import { collection, defineProjection, raster } from './projection.ts';

/** Projections for tests of the fold's thread: counters by key, and a board. */
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
];
