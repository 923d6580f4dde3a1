import { defineView } from '#commands/view.ts';
import type { RefEvents } from './events.ts';

/** The position that a ref names, as its token; `null` while there is no such ref. */
export const refView = defineView<RefEvents, string | null>('ref', null, {
  RefSet: (_position, { position }) => position,
  RefDeleted: () => null,
});

export function refStream(ref: string): string {
  return `ref-${ref}`;
}
