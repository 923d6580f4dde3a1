import { errors, isStrataError, type StrataError } from '../errors.ts';

const FULL = new Set(['ENOSPC', 'EDQUOT']);

/** The system's code of an error (`ENOENT`), or `null`. */
export function systemCode(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error)) return null;
  return typeof error.code === 'string' ? error.code : null;
}

/** What a failed write of a blob is: log.disk-full, or blob.write-failed. Errors of the table stay what they are. */
export function writeError(error: unknown): StrataError {
  if (isStrataError(error)) return error;
  const code = systemCode(error);
  if (code !== null && FULL.has(code)) {
    return errors.error('log.disk-full', 'no room is left for the blob', { cause: error });
  }
  return errors.error('blob.write-failed', `the disk refused the blob (${code ?? 'unknown'})`, { cause: error });
}
