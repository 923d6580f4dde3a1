import type { Library } from './library.ts';

/** What every side is asked for, on the same library. */
export type PeerWorkload = {
  readonly library: Library;
  /** Length of each round. */
  readonly seconds: number;
  readonly callers: number;
  /** Photos that differ between the two ends of the diff. */
  readonly changes: number;
};

/** What one side does. Documents are given as they are stored: nobody parses them. */
export type PeerOutcome = {
  readonly subject: string;
  readonly currentReadsPerSecond: number;
  readonly asOfReadsPerSecond: number;
  readonly asOfListsPerSecond: number;
  readonly diffKeysMs: number;
  readonly diffDocumentsMs: number;
  readonly editsPerSecond: number;
};

export const LIST_ITEMS = 100;
const CALLS_BETWEEN_LOOKS = 100;

/** Calls a second of `call`, which does its work before it returns. */
export function rateOf(seconds: number, call: () => void): number {
  // The first tenth, not counted, warms up.
  run(seconds / 10, call);
  return run(seconds, call);
}

function run(seconds: number, call: () => void): number {
  const startMs = performance.now();
  let calls = 0;
  for (let nowMs = startMs; nowMs < startMs + seconds * 1000; nowMs = performance.now()) {
    for (let each = 0; each < CALLS_BETWEEN_LOOKS; each++) call();
    calls += CALLS_BETWEEN_LOOKS;
  }
  return calls / ((performance.now() - startMs) / 1000);
}

/** Edits a second of several callers, each of whom sends its next edit when the last is answered; until `settled`. */
export async function editRate(
  { callers, seconds }: PeerWorkload,
  edit: (count: number) => Promise<void>,
  settled: () => Promise<void>,
): Promise<number> {
  const startMs = performance.now();
  let edits = 0;
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (performance.now() < startMs + seconds * 1000) {
        edits += 1;
        await edit(edits);
      }
    }),
  );
  await settled();
  return edits / ((performance.now() - startMs) / 1000);
}
