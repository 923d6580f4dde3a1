import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSubjectKeys } from './subject-keys.ts';

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'strata-keys-'));
});

afterEach(async () => {
  await rm(dir, { recursive: true });
});

test('a key is made once and read again after reopening', async () => {
  const keys = await openSubjectKeys({ dir });
  expect(keys.get('photo-1')).toBeNull();
  const [first, second] = await keys.ensure(['photo-1', 'photo-2']);
  expect(first).toHaveLength(32);
  expect(first).not.toEqual(second);
  expect(await keys.ensure(['photo-1'])).toEqual([first]);
  await keys.close();

  const reopened = await openSubjectKeys({ dir });
  expect(reopened.get('photo-1')).toEqual(first);
  expect(await reopened.ensure(['photo-2', 'photo-3'])).toEqual([second, expect.any(Buffer)]);
  expect(reopened.get('photo-3')).not.toEqual(first);
  await reopened.close();
});

test('callers at once get one key for one subject', async () => {
  const keys = await openSubjectKeys({ dir });
  const made = await Promise.all(Array.from({ length: 500 }, (_, at) => keys.ensure([`photo-${at % 10}`])));
  expect(new Set(made.map(([key]) => key!.toString('hex'))).size).toBe(10);
  // 500 callers, 10 slots: one batch.
  expect(await readFile(join(dir, 'keys.bin'))).toHaveLength(320);
  await keys.close();
});

test('a destroyed key leaves no byte of itself and is never made again', async () => {
  const keys = await openSubjectKeys({ dir });
  const [key, other] = await keys.ensure(['photo-1', 'photo-2']);
  const before = Buffer.from(key!);
  await keys.destroy('photo-1');
  expect(keys.get('photo-1')).toBeNull();
  await expect(keys.ensure(['photo-1'])).rejects.toMatchObject({ code: 'subject.erased' });
  await keys.close();

  for (const file of ['keys.bin', 'subjects.mdb']) {
    expect((await readFile(join(dir, file))).includes(before)).toBe(false);
  }
  const reopened = await openSubjectKeys({ dir });
  expect(reopened.get('photo-1')).toBeNull();
  await expect(reopened.ensure(['photo-1'])).rejects.toMatchObject({ code: 'subject.erased' });
  expect(reopened.get('photo-2')).toEqual(other);
  await reopened.close();
});

test('a key destroyed before it was made, or while it is, is never made', async () => {
  const keys = await openSubjectKeys({ dir });
  await keys.destroy('photo-1');
  await keys.destroy('photo-1');
  await expect(keys.ensure(['photo-1'])).rejects.toMatchObject({ code: 'subject.erased' });

  const making = keys.ensure(['photo-2']);
  await keys.destroy('photo-2');
  await making;
  expect(keys.get('photo-2')).toBeNull();
  await keys.close();
});

test('memory holds a bounded number of keys, and the rest are read again', async () => {
  const keys = await openSubjectKeys({ dir, cachedMax: 4 });
  const subjects = Array.from({ length: 100 }, (_, at) => `photo-${at}`);
  const made = await keys.ensure(subjects);
  expect(subjects.map((subject) => keys.get(subject))).toEqual(made);
  await keys.close();
});
