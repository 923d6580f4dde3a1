import { eachPixel } from '#commands/boards/packed-pixels.ts';
import type { RecordedEvent } from '#events/event.ts';
import type { PixelBatch } from './board-frame.ts';

/** True for an event whose pixels go out as frames of its board. */
export function arePixels({ type }: RecordedEvent): boolean {
  return type === 'PixelPlaced' || type === 'PixelsReverted';
}

/** Adds the event's pixels to the batch of its board, which it gives; `null` when it has none or nobody gathers them. */
export function gatherPixels(
  { type, data }: RecordedEvent,
  batchOf: (board: string) => PixelBatch | undefined,
): PixelBatch | null {
  if (type === 'PixelPlaced') {
    const { board, x, y, color } = data;
    if (typeof board !== 'string' || typeof x !== 'number' || typeof y !== 'number' || typeof color !== 'number') {
      return null;
    }
    const batch = batchOf(board);
    batch?.add(x, y, color);
    return batch ?? null;
  }
  if (type !== 'PixelsReverted') return null;
  const { board, left, top, pixels } = data;
  if (typeof board !== 'string' || typeof left !== 'number' || typeof top !== 'number' || typeof pixels !== 'string') {
    return null;
  }
  const batch = batchOf(board);
  if (batch === undefined) return null;
  eachPixel({ left, top, pixels }, (x, y, color) => batch.add(x, y, color));
  return batch;
}
