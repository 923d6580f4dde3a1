import { errors, isStrataError } from '../../errors.ts';
import type { TreeKey } from '../storage/tree-key.ts';

/** What the fold thread is started with. */
export type FoldThreadData = {
  /** Of the trees and files that the thread writes. */
  readonly folder: string;
  readonly logDir: string;
  /** Names of the projections that the thread folds. */
  readonly projections: readonly string[];
  readonly progress: SharedArrayBuffer;
};

/** What the main thread tells the fold's: another copy of the projection has taken over. */
export type FoldOrder = { readonly kind: 'drop'; readonly projection: string };

/** What the fold thread tells the main one, in order. */
export type FoldMessage =
  /** All trees exist and all tiles were sent; the thread waits for `FoldProgress.run`. */
  | { readonly kind: 'opened' }
  | {
      readonly kind: 'tile';
      readonly structure: string;
      readonly board: TreeKey;
      readonly index: number;
      readonly memory: SharedArrayBuffer;
    }
  | { readonly kind: 'committed' }
  | { readonly kind: 'report'; readonly message: string }
  /** The disk takes nothing: it is tried again, from the last commit on. */
  | { readonly kind: 'stalled'; readonly message: string }
  | { readonly kind: 'failed'; readonly code: string | null; readonly message: string }
  | { readonly kind: 'closed' };

export function failedMessage(error: unknown): FoldMessage {
  const message = error instanceof Error ? error.message : String(error);
  return { kind: 'failed', code: isStrataError(error) ? error.code : null, message };
}

/** Errors lose their class between threads: this makes it again. */
export function failure({ code, message }: { readonly code: string | null; readonly message: string }): Error {
  const known = Object.keys(errors.definitions).find((name): name is keyof typeof errors.definitions => name === code);
  return known === undefined ? new Error(message) : errors.error(known, message);
}
