import { z } from 'zod';
import { formatPosition } from '#events/position.ts';
import { errors } from '../errors.ts';
import { once, readWhole } from './hashed-bytes.ts';
import type { BackupTarget } from './target.ts';

/** A manifest names some hundred bytes for each 64 MiB of log. */
const MANIFEST_BYTES_MAX = 64 * 1024 * 1024;

const count = z.int().min(0);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const fileSchema = z.strictObject({
  /** Within the target. */
  file: z.string().regex(/^[a-z0-9][a-z0-9./-]*$/),
  bytes: count,
  sha256,
});

const segmentSchema = fileSchema.extend({
  number: z.int().min(1),
  first: z.int().min(1),
  events: count,
  /** The segment's own first 64 bytes in hex: they tell it from a segment of another log that was once the same. */
  header: z.string().regex(/^[0-9a-f]{128}$/),
});

const manifestSchema = z.strictObject({
  format: z.literal(1),
  logId: z.string().regex(/^[0-9a-f]{32}$/),
  epoch: z.int().min(1),
  /** The last event that is in the backup. */
  head: count,
  madeAt: z.iso.datetime(),
  segments: z.array(segmentSchema).min(1),
  /** Subjects whose keys were destroyed. */
  erasures: fileSchema.extend({ subjects: count }),
  /** Hashes and lengths of the blobs; `null` where they are kept elsewhere. */
  blobs: fileSchema.extend({ blobs: count, blobBytes: count }).nullable(),
  /** Blobs that were collected on purpose: not even a restore of an earlier epoch misses them. */
  collected: fileSchema.nullable(),
});

/** Keys have a manifest of their own: they may lie in another target than the log, and are pruned when people are erased. */
const keyringSchema = z.strictObject({
  format: z.literal(1),
  logId: z.string().regex(/^[0-9a-f]{32}$/),
  epoch: z.int().min(1),
  /** Every subject that an event up to here was sealed for is in, or erased. */
  head: count,
  madeAt: z.iso.datetime(),
  keys: fileSchema.extend({ subjects: count }),
  /** The key that signs the log's tree. */
  signingKey: fileSchema.nullable(),
});

export type BackupFile = z.infer<typeof fileSchema>;
export type SegmentRecord = z.infer<typeof segmentSchema>;
/** Says what a backup is made of. It is written last, so what it names is there. */
export type Manifest = z.infer<typeof manifestSchema>;
export type Keyring = z.infer<typeof keyringSchema>;

export function positionOf({ epoch, head }: Pick<Manifest, 'epoch' | 'head'>): string {
  return formatPosition({ epoch, offsets: [head] });
}

type Kind<Value> = { readonly folder: string; readonly schema: z.ZodType<Value> };
const MANIFESTS: Kind<Manifest> = { folder: 'manifests', schema: manifestSchema };
const KEYRINGS: Kind<Keyring> = { folder: 'keyrings', schema: keyringSchema };

/** One for each epoch that the target holds a backup of, newest first. @throws backup.unusable, backup.damaged */
export function readManifests(target: BackupTarget): Promise<Manifest[]> {
  return readAll(target, MANIFESTS);
}

/** One for each epoch, newest first. @throws backup.unusable, backup.damaged */
export function readKeyrings(target: BackupTarget): Promise<Keyring[]> {
  return readAll(target, KEYRINGS);
}

export function writeManifest(target: BackupTarget, manifest: Manifest): Promise<void> {
  return write(target, MANIFESTS, manifest);
}

export function writeKeyring(target: BackupTarget, keyring: Keyring): Promise<void> {
  return write(target, KEYRINGS, keyring);
}

async function readAll<Value extends { readonly epoch: number }>(
  target: BackupTarget,
  kind: Kind<Value>,
): Promise<Value[]> {
  const found: Value[] = [];
  for await (const { name } of target.list(kind.folder)) {
    if (name.endsWith('.json')) found.push(await read(target, name, kind.schema));
  }
  return found.sort((a, b) => b.epoch - a.epoch);
}

async function read<Value>(target: BackupTarget, name: string, schema: z.ZodType<Value>): Promise<Value> {
  const bytes = await readWhole(target, name, MANIFEST_BYTES_MAX);
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw errors.error('backup.damaged', `${name} in ${target.url} is not JSON`, { cause });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const format = (value as { readonly format?: unknown } | null)?.format;
  if (format === 1) throw errors.error('backup.damaged', `${name} in ${target.url} is not what was written`);
  throw errors.error('backup.unusable', `${name} in ${target.url} has the format ${format}, which is not known here`);
}

async function write(target: BackupTarget, { folder }: { folder: string }, value: { epoch: number }): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
  await target.put(`${folder}/e${value.epoch}.json`, once(bytes), bytes.length);
}
