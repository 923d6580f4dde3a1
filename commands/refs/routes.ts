import type { CommandRoute } from '#handling/routes.ts';

const REF = '/v1/refs/{ref}';

/** Answered once the projections have them: whoever set a ref may read by it at once. */
export const refRoutes: readonly CommandRoute[] = [
  {
    method: 'PUT',
    path: REF,
    command: 'SetRef',
    summary: 'Name a position, or move the name',
    creates: true,
    settles: true,
    answer: ({ events, made }, { ref, position }) => ({
      ref: ref ?? null,
      // Without an event it stood there already.
      names: events[0]?.data.position ?? position ?? made.head ?? null,
    }),
  },
  {
    method: 'DELETE',
    path: REF,
    command: 'DeleteRef',
    summary: 'Forget the name of a position',
    bodyless: true,
    settles: true,
  },
];
