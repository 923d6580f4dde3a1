import { child, inScratchFolder } from './history/child.ts';
import type { DiffArgument, DiffOutcome } from './history/diff-changes.ts';
import { distinctEdits, type Library, libraryEvents } from './history/library.ts';
import { program, type Row } from './load/program.ts';
import { buildLog } from './replay/build-log.ts';

/** What the goals are given for. */
const GOAL_CHANGES = 10_000;
const KEYS_GOAL_MS = 20;
const DOCUMENTS_GOAL_MS = 100;

await program({
  file: 'bench/diff.ts',
  seconds: 1,
  about: `The diff of the last 1,000, 10,000 and 100,000 changes of a library, each of another photo, in process, all pages of 1,000: the keys
alone, and with the documents of before and after. In two sizes of the library, because a diff costs what changed. Medians of 5
rounds. --seconds has no part in it. Goals: ${GOAL_CHANGES} changes of a million photos in ${KEYS_GOAL_MS} ms and ${DOCUMENTS_GOAL_MS} ms.`,
  sizes: {
    small: { about: 'photos of the small library', normal: 100_000, quick: 10_000 },
    large: { about: 'photos of the large one', normal: 1_000_000, quick: 100_000 },
    bytes: { about: 'bytes of a document', normal: 1_024, quick: 1_024 },
  },
  run: async ({ sizes }) => {
    const rows: Row[] = [];
    for (const photos of [sizes.small!, sizes.large!]) {
      const library = { photos, edits: photos, documentBytes: sizes.bytes!, tags: 100 };
      rows.push(...(await inScratchFolder('diff', (dir) => measure(dir, library))));
    }
    return rows;
  },
});

async function measure(dir: string, library: Library): Promise<Row[]> {
  const changes = [1_000, 10_000, 100_000].filter((count) => count <= library.photos);
  const events = await buildLog(dir, changedLibrary(library, changes.at(-1)!));
  const outcome = await child<DiffOutcome>('./diff-changes.ts', { dir, events, changes } satisfies DiffArgument);
  return outcome.map(({ changes: count, keysMs, documentsMs }) => ({
    photos: library.photos,
    changes: count,
    'keys ms': keysMs,
    'goal ms': count === GOAL_CHANGES ? KEYS_GOAL_MS : null,
    'documents ms': documentsMs,
    'goal  ms': count === GOAL_CHANGES ? DOCUMENTS_GOAL_MS : null,
  }));
}

function* changedLibrary(library: Library, changes: number) {
  yield* libraryEvents(library);
  yield* distinctEdits(library, changes);
}
