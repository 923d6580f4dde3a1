import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { formatCheckpoint, parseCheckpoint } from './checkpoint.ts';
import { EMPTY_ROOT } from './hashing.ts';
import { formatVerifier, noteText, openNote, parseVerifier, signNote, verifierOf } from './signed-note.ts';

// The example of Go's golang.org/x/mod/sumdb/note, from which the specification comes.
const VERIFIER = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const SIGNER = 'AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz';
const TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const SIGNATURE =
  '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n';
const NOTE = `${TEXT}\n${SIGNATURE}`;

function examplePrivateKey() {
  const seed = Buffer.from(SIGNER, 'base64').subarray(1);
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}

test('the reference note is opened, and signed the same', () => {
  expect(openNote(NOTE, parseVerifier(VERIFIER))).toBe(TEXT);
  expect(formatVerifier(parseVerifier(VERIFIER))).toBe(VERIFIER);
  expect(signNote(TEXT, 'PeterNeumann', examplePrivateKey())).toBe(NOTE);
  expect(formatVerifier(verifierOf('PeterNeumann', examplePrivateKey()))).toBe(VERIFIER);
});

test('signatures of others are passed over', () => {
  const other = signNote(TEXT, 'other', generateKeyPairSync('ed25519').privateKey);
  const both = `${other}${SIGNATURE}`;
  expect(openNote(both, parseVerifier(VERIFIER))).toBe(TEXT);
  expect(() => openNote(other, parseVerifier(VERIFIER))).toThrow('not by PeterNeumann+c74f20a3');
  const sameName = signNote(TEXT, 'PeterNeumann', generateKeyPairSync('ed25519').privateKey);
  expect(() => openNote(sameName, parseVerifier(VERIFIER))).toThrow('not by PeterNeumann+c74f20a3');
});

test('a changed text, a changed signature and what is no note are refused', () => {
  const verifier = parseVerifier(VERIFIER);
  expect(() => openNote(NOTE.replace('think', 'thinx'), verifier)).toThrow('not of this text');
  expect(() => openNote(NOTE.replace('x08go/ZJ', 'x08go/ZK'), verifier)).toThrow('not of this text');
  for (const note of ['', 'text\n', TEXT, `${TEXT}\n`, NOTE.slice(0, -1), `${NOTE}\n`, NOTE.replace('—', '-')]) {
    expect(() => openNote(note, verifier)).toThrow('not a signed note');
    expect(() => noteText(note)).toThrow('not a signed note');
  }
});

test.each([
  VERIFIER.replace('c74f20a3', 'c74f20a4'),
  VERIFIER.slice(0, -4),
  VERIFIER.replace('+ARpc', '+AhpC'),
  VERIFIER.replace('PeterNeumann', 'Peter Neumann'),
  'PeterNeumann',
  '',
])('%j is no verifier', (text) => {
  expect(() => parseVerifier(text)).toThrow();
});

test('a checkpoint is its lines', () => {
  // From C2SP tlog-checkpoint.
  const text = 'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n';
  const checkpoint = parseCheckpoint(text);
  expect(checkpoint).toMatchObject({ origin: 'example.com/behind-the-sofa', size: 20_852_163 });
  expect(formatCheckpoint(checkpoint)).toBe(text);
  expect(parseCheckpoint(`${text}an extension\n`)).toEqual(checkpoint);
  expect(parseCheckpoint(formatCheckpoint({ origin: 'o', size: 0, root: EMPTY_ROOT })).root).toEqual(EMPTY_ROOT);
  for (const wrong of [text.slice(0, -1), text.replace('\n2', '\n02'), text.replace('2I=', '2='), `${text}\n`, '']) {
    expect(() => parseCheckpoint(wrong)).toThrow('not a checkpoint');
  }
});
