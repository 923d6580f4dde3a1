import { type Position, parsePosition } from '#events/position.ts';
import { readBoardFrame } from './board-frame.ts';

const POSITION = /"position":"([^"]+)"/;

/**
 * The position before a message that could not be sent: a client that goes on after it misses nothing. `null` where the
 * message has none, or an event's message names more than one partition.
 */
export function stoodAt(message: ArrayBuffer, isBinary: boolean): Position | null {
  if (isBinary) {
    const frame = readBoardFrame(new Uint8Array(message));
    return frame === null ? null : parsePosition(frame.after);
  }
  const token = POSITION.exec(Buffer.from(message).toString('utf8', 0, 300))?.[1];
  if (token === undefined) return null;
  const { epoch, offsets } = parsePosition(token);
  return offsets.length === 1 ? { epoch, offsets: [Math.max(0, offsets[0]! - 1)] } : null;
}
