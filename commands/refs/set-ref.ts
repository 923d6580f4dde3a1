import { z } from 'zod';
import { name } from '#commands/fields.ts';
import type { EventOf } from '#commands/view.ts';
import { parsePosition } from '#events/position.ts';
import { defineCommand } from '#handling/domain.ts';
import { errors } from '#src/errors.ts';
import { refErrors } from './errors.ts';
import type { RefEvents } from './events.ts';
import { refStream, refView } from './ref.ts';

const position = z.string().min(1).max(1024);

type RefEvent = EventOf<RefEvents>;

export const setRef = defineCommand({
  type: 'SetRef',
  schema: z.strictObject({
    ref: name,
    position: z.exactOptional(position).describe('how far the log has come, unless told'),
    expected: z.exactOptional(position.nullable()).describe('where the ref must be; `null`: it must not be there'),
  }),
  roles: ['admin'],
  stream: ({ ref }) => refStream(ref),
  view: refView,
  make: (fresh) => ({ head: fresh.position() }),
  decide: ({ data, made }, current): readonly RefEvent[] => {
    const { ref, expected, position = made.head! } = data;
    if (expected !== undefined && expected !== current) throw moved(ref, current);
    requirePast(position, made.head!);
    return position === current ? [] : [{ type: 'RefSet', data: { ref, position } }];
  },
});

export const deleteRef = defineCommand({
  type: 'DeleteRef',
  schema: z.strictObject({ ref: name, expected: z.exactOptional(position).describe('where the ref must be') }),
  roles: ['admin'],
  stream: ({ ref }) => refStream(ref),
  view: refView,
  decide: ({ data: { ref, expected } }, current): readonly RefEvent[] => {
    if (current === null) throw refErrors.error('ref.unknown', `there is no ref "${ref}"`);
    if (expected !== undefined && expected !== current) throw moved(ref, current);
    return [{ type: 'RefDeleted', data: { ref } }];
  },
});

function moved(ref: string, current: string | null) {
  return refErrors.error('ref.moved', current === null ? `there is no ref "${ref}"` : `"${ref}" is at ${current}`);
}

/** @throws position.malformed, position.other-epoch, history.future-position */
function requirePast(token: string, head: string): void {
  const [position, end] = [parsePosition(token), parsePosition(head)];
  if (position.epoch !== end.epoch) {
    throw errors.error(
      'position.other-epoch',
      `"${token}" is from epoch ${position.epoch}; the log is in ${end.epoch}`,
    );
  }
  if (position.offsets.length !== end.offsets.length) {
    throw errors.error('position.malformed', `the log has ${end.offsets.length} partitions, "${token}" has others`);
  }
  if (position.offsets.some((offset, at) => offset > end.offsets[at]!)) {
    throw errors.error('history.future-position', `the log ends at ${head}, before ${token}`);
  }
}
