import { errors } from '../errors.ts';
import type { ArchiveFile } from './archive-files.ts';

const MIB = 1024 * 1024;
const UNPACKED_BYTES_MAX = 1024 * MIB;
export const FILE_BYTES_MAX = 256 * MIB;
/** Deflate packs at most 1,032 to 1: a ratio near it is a bomb, not a file. */
const RATIO_MAX = 1000;
/** Small files may be as repetitive as they like. */
const RATIO_FROM_BYTES = MIB;

/** Counts what truly comes out of an archive while it streams, because headers may say anything. */
export function unpackBudget(archiveBytes: number): {
  /** The file's bytes. @throws upload.archive-too-large in the middle, as soon as a limit is passed. */
  count(file: ArchiveFile): AsyncIterable<Uint8Array>;
} {
  let unpackedBytes = 0;
  const refuse = (why: string) => errors.error('upload.archive-too-large', why);
  const check = (bytes: number, packedBytes: number, what: string) => {
    if (bytes > RATIO_FROM_BYTES && bytes > packedBytes * RATIO_MAX) {
      throw refuse(`${what} unpacks to more than ${RATIO_MAX} times its size`);
    }
  };
  return {
    async *count(file) {
      const what = `the file ${JSON.stringify(file.path.slice(0, 200))}`;
      let fileBytes = 0;
      for await (const chunk of file.bytes()) {
        fileBytes += chunk.length;
        unpackedBytes += chunk.length;
        if (fileBytes > FILE_BYTES_MAX) throw refuse(`${what} has more than ${FILE_BYTES_MAX / MIB} MiB`);
        if (unpackedBytes > UNPACKED_BYTES_MAX) {
          throw refuse(`the archive unpacks to more than ${UNPACKED_BYTES_MAX / MIB} MiB`);
        }
        check(fileBytes, file.packedBytes, what);
        check(unpackedBytes, archiveBytes, 'the archive');
        yield chunk;
      }
    },
  };
}
