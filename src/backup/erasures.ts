import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { errors } from '../errors.ts';
import { putHashed, readVerified } from './hashed-bytes.ts';
import type { BackupFile } from './manifest.ts';
import type { BackupTarget } from './target.ts';

/**
 * Subjects whose keys were destroyed, a line of JSON each: `{"subject":"account:acme"}`. Whatever else is restored, these
 * stay erased.
 */
export type ErasuresRecord = BackupFile & { readonly subjects: number };

const lineSchema = z.strictObject({ subject: z.string().min(1).max(1000) });

export async function putErasures(target: BackupTarget, subjects: ReadonlySet<string>): Promise<ErasuresRecord> {
  return { ...(await putHashed(target, 'erasures/', encodeErasures(subjects))), subjects: subjects.size };
}

export function encodeErasures(subjects: Iterable<string>): Buffer {
  const lines = [...subjects].sort().map((subject) => `${JSON.stringify({ subject })}\n`);
  return Buffer.from(lines.join(''));
}

/** @throws backup.damaged */
export async function erasuresIn(target: BackupTarget, record: ErasuresRecord): Promise<Set<string>> {
  return decodeErasures(await readVerified(target, record), `${record.file} in ${target.url}`);
}

/** The subjects that a file names. @throws backup.damaged naming the line. */
export async function erasuresInFile(path: string): Promise<Set<string>> {
  return decodeErasures(await readFile(path), path);
}

function decodeErasures(bytes: Buffer, name: string): Set<string> {
  const lines = bytes.toString('utf8').split('\n');
  return new Set(lines.flatMap((line, at) => (line === '' ? [] : [subjectOf(line, `line ${at + 1} of ${name}`)])));
}

function subjectOf(line: string, where: string): string {
  try {
    return lineSchema.parse(JSON.parse(line)).subject;
  } catch (cause) {
    throw errors.error('backup.damaged', `${where} is not {"subject": …}`, { cause });
  }
}
