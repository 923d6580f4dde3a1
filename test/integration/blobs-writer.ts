import { randomBytes } from 'node:crypto';
import { openDiskBlobs } from '#blobs/disk.ts';

// The program that `blobs-kill.test.ts` kills: keeps blobs of many sizes, eight at a time, and tells each that is kept.

const BYTES_MAX = 200_000;
const WRITERS = 8;

const blobs = await openDiskBlobs({ dir: process.argv[2]! });
process.on('disconnect', () => process.exit());
await Promise.all(
  Array.from({ length: WRITERS }, async () => {
    for (;;) process.send?.(await blobs.put(randomBytes(Math.floor(Math.random() * BYTES_MAX))));
  }),
);
