import { errors } from '../../errors.ts';
import { HASH_BYTES } from './hashing.ts';

/** What is signed: the tree of the log's first `size` events, as C2SP tlog-checkpoint has it. */
export type Checkpoint = {
  /** Which log it is. */
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
};

const TEXT = /^([^\n]+)\n(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/]{43}=)\n(?:[^\n]+\n)*$/;

export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${root.toString('base64')}\n`;
}

/** Reads a note's text. @throws log.note-invalid where it is not a checkpoint. */
export function parseCheckpoint(text: string): Checkpoint {
  const [, origin, size, base64 = ''] = TEXT.exec(text) ?? [];
  const root = Buffer.from(base64, 'base64');
  if (origin === undefined || root.length !== HASH_BYTES || !Number.isSafeInteger(Number(size))) {
    throw errors.error('log.note-invalid', 'the note is not a checkpoint: origin, size and root, a line each');
  }
  return { origin, size: Number(size), root };
}
