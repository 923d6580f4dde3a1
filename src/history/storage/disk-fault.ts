/** Full, over quota, or failing: as Node names it, and as LMDB numbers it, which takes a short write for a failing one. */
const CODES: readonly unknown[] = ['ENOSPC', 'EDQUOT', 'EIO', 28, 122, 5];

/** True for what a disk says that takes nothing now, and may again. */
export function isDiskFault(error: unknown): boolean {
  return error instanceof Error && 'code' in error && CODES.includes(error.code);
}
