import type { RefEvents } from '#commands/refs/events.ts';
import { collection, defineProjection } from '#history/projection.ts';
import { defineFolds } from '#projections/folds.ts';
import { REFS, type RefDocument } from './ref.ts';

/** Every ref and the position that it names. */
export const refsProjection = defineProjection({
  name: 'refs',
  version: 1,
  structures: [collection(REFS, { counters: { all: () => 'all' } })],
  folds: defineFolds<RefEvents>({
    RefSet: ({ ref, position }, _event, context) => {
      const document: RefDocument = { position, ref };
      context.collection(REFS).put(ref, document);
    },
    RefDeleted: ({ ref }, _event, context) => context.collection(REFS).delete(ref),
  }),
});
