import { join } from 'node:path';
import { type KeptKey, readSubjectKeys } from '#events/subject-key-files.ts';
import { openSubjectKeys } from '#events/subject-keys.ts';
import { inParallel } from '../in-parallel.ts';
import type { MigrateOptions, Side } from './migration.ts';
import { phaseOf } from './progress.ts';

const READ_AT_ONCE = 32;
/** Those under way share a sync. */
const ADOPTED_AT_ONCE_MAX = 1024;

/** Where a server keeps the keys of personal fields: in the bucket, where members share them, else in its data folder. */
type KeyPlace = { readonly bucket: string } | { readonly dir: string };

/**
 * Copies the keys of personal fields to where the new log's servers look for them, and says how many there are; `null` where
 * that is the same place. A key that is there stays; one that was destroyed is destroyed there too. Safe to repeat.
 * @throws engine.unavailable, engine.misconfigured where the bucket has another key of a subject
 */
export async function copyKeysBetween(
  from: Side,
  to: Side,
  { create, onProgress }: Pick<MigrateOptions, 'create' | 'onProgress'>,
): Promise<number | null> {
  const [source, target] = [placeOf(from), placeOf(to)];
  if (JSON.stringify(source) === JSON.stringify(target)) return null;
  const told = phaseOf('copying keys', onProgress);
  let count = 0;
  async function* counted(): AsyncGenerator<KeptKey> {
    for await (const key of keysIn(source)) {
      yield key;
      count += 1;
      told(count, null);
    }
  }
  if ('dir' in target) await adoptAll(target.dir, counted());
  else await putAll(target.bucket, create, counted());
  return count;
}

function placeOf({ log, blobs, dataDir }: Side): KeyPlace {
  return log.engine !== 'embedded' && blobs.engine === 's3' ? { bucket: blobs.url } : { dir: join(dataDir, 'keys') };
}

async function* keysIn(place: KeyPlace): AsyncGenerator<KeptKey> {
  if ('dir' in place) return yield* readSubjectKeys(place.dir);
  const [{ openBucket }, { KeyBucket }] = await Promise.all([
    import('#blobs/bucket.ts'),
    import('#blobs/key-bucket.ts'),
  ]);
  const bucket = new KeyBucket(openBucket(place.bucket));
  const names: string[] = [];
  const read = () => Promise.all(names.splice(0).map((name) => bucket.at(name)));
  for await (const name of bucket.names()) {
    names.push(name);
    if (names.length === READ_AT_ONCE) yield* await read();
  }
  yield* await read();
}

async function adoptAll(dir: string, keys: AsyncIterable<KeptKey>): Promise<void> {
  const store = await openSubjectKeys({ dir });
  try {
    await inParallel(keys, ADOPTED_AT_ONCE_MAX, ({ subject, key }) =>
      key === null ? store.destroy(subject) : store.adopt(subject, key),
    );
  } finally {
    await store.close();
  }
}

async function putAll(url: string, create: boolean, keys: AsyncIterable<KeptKey>): Promise<void> {
  const [{ openBucket }, { ensureBucket }, { KeyBucket }, { putSubjectKeys }] = await Promise.all([
    import('#blobs/bucket.ts'),
    import('#blobs/create-bucket.ts'),
    import('#blobs/key-bucket.ts'),
    import('#blobs/open-shared-keys.ts'),
  ]);
  const bucket = openBucket(url);
  await ensureBucket(bucket, create);
  await putSubjectKeys(new KeyBucket(bucket), keys);
}
