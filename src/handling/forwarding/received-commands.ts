import { parsePosition } from '#events/position.ts';
import { errors } from '../../errors.ts';
import type { LocalBus, Result } from '../bus.ts';
import { encodeResult, forwardedBatch, requestOf } from './forwarded-command.ts';
import type { HeadWatch } from './head-watch.ts';

/** How long this member may take to come as far as the sender was. */
const BEHIND_MS_MAX = 2_000;

/**
 * Handles commands that another member forwarded, in their order, as its own bus does: what this member does not own is
 * refused with `partition.moving`, never forwarded again. Commands are decided on all that the sender had seen.
 * @throws request.invalid for what is no batch of commands
 */
export async function receiveCommands(text: string, bus: LocalBus, head: HeadWatch): Promise<string> {
  const parsed = forwardedBatch.safeParse(JSON.parse(text));
  if (!parsed.success) throw errors.error('request.invalid', `not forwarded commands: ${parsed.error.message}`);
  const { after, commands } = parsed.data;
  if (!(await head.waitFor(parsePosition(after).offsets[0]!, BEHIND_MS_MAX))) {
    const behind = errors.error('partition.moving', 'the owner is behind the sender', { retryAfterSeconds: 1 });
    return encodeAll(commands.map(() => behind));
  }
  return encodeAll(
    await Promise.all(
      commands.map((command) => new Promise<Result>((resolve) => bus.submit(requestOf(command), resolve))),
    ),
  );
}

function encodeAll(results: readonly Result[]): string {
  return `{"results":[${results.map(encodeResult).join(',')}]}`;
}
