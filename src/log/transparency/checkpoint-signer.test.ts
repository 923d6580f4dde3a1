import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CheckpointSigner, checkpointPath, lastSigned } from './checkpoint-signer.ts';
import { leafHash } from './hashing.ts';
import { openNote, verifierOf } from './signed-note.ts';

const { privateKey } = generateKeyPairSync('ed25519');
const root = (text: string) => leafHash(Buffer.from(text));
let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'strata-signer-'));
});

afterEach(() => rmSync(dir, { recursive: true }));

const open = () => new CheckpointSigner(dir, 'example.com/log', privateKey);

test('what is signed is on the disk, and opened by its key', () => {
  const signed = open().sign(3, root('a'));
  expect(lastSigned(dir)).toEqual(signed);
  expect(openNote(signed.note, verifierOf('example.com/log', privateKey))).toMatch(/^example\.com\/log\n3\n/);
});

test('a size below the last, or another root of the same size, is never signed: not even by the next process', () => {
  const signer = open();
  const { note } = signer.sign(3, root('a'));
  for (const each of [signer, open()]) {
    expect(() => each.sign(2, root('b'))).toThrow('is signed already');
    expect(() => each.sign(3, root('b'))).toThrow('is signed already');
    expect(each.sign(3, root('a')).note).toBe(note);
  }
  expect(open().sign(4, root('c')).size).toBe(4);
});

test('a checkpoint that cannot be read is not passed over', () => {
  writeFileSync(checkpointPath(dir), 'nothing that was signed');
  expect(open).toThrow('not a signed note');
});
