/** How far a migration is. */
export type MigrationProgress = {
  readonly phase:
    | 'copying blobs'
    | 'copying keys'
    | 'copying'
    | 'hashing'
    | 'hashing the copy'
    | 'folding'
    | 'comparing';
  /** Of blobs, keys, events, or structures. */
  readonly done: number;
  readonly total: number | null;
  /** Since the phase began. */
  readonly seconds: number;
};

export type OnProgress = (progress: MigrationProgress) => void;

/** Tells of one phase; its time runs from this call on. */
export function phaseOf(
  phase: MigrationProgress['phase'],
  onProgress: OnProgress,
): (done: number, total: number | null) => void {
  const startMs = performance.now();
  return (done, total) => onProgress({ phase, done, total, seconds: (performance.now() - startMs) / 1000 });
}
