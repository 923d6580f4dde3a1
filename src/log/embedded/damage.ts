import { basename, dirname } from 'node:path';
import { errors, type StrataError } from '../../errors.ts';

/** Says where the log is damaged: `offset` is the first position that cannot be read, `byte` where it stands in the file. */
export function corrupt(offset: number, path: string, byte: number, why: string): StrataError {
  return errors.error(
    'log.corrupt',
    `the log is damaged at position ${offset}: ${why} (${basename(path)}, byte ${byte}). ` +
      `\`strata verify ${dirname(path)}\` tells all that is damaged. Restore from a backup, and delete nothing in the folder`,
  );
}
