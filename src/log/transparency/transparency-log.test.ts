import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { note, sampleCodec } from '#test/conformance/sample-events.ts';
import { type EmbeddedLog, openEmbeddedLog } from '../embedded/embedded-log.ts';
import { lastSigned } from './checkpoint-signer.ts';
import { leafHash } from './hashing.ts';
import { verifyConsistency, verifyInclusion } from './merkle.ts';
import { openNote, parseVerifier } from './signed-note.ts';
import { openTransparencyLog, type TransparencyLog } from './transparency-log.ts';

const TIMEOUT_MS = 20_000;

let dir: string;
let log: EmbeddedLog;
let tree: TransparencyLog;
let reports: string[];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'strata-tree-'));
  log = await openLog('log');
  reports = [];
});

afterEach(async () => {
  await log.close();
  rmSync(dir, { recursive: true });
});

const treeDir = () => join(dir, 'tree');
const openLog = (name: string) => openEmbeddedLog({ dir: join(dir, name), codec: sampleCodec, durability: 'fsync' });

function openTree(): TransparencyLog {
  return openTransparencyLog({
    dir: treeDir(),
    logDir: join(dir, 'log'),
    reader: log.reader(),
    synced: log.headOffset(),
    syncsLog: false,
    origin: 'example.com/log',
    keyPath: null,
    report: (message) => reports.push(message),
  });
}

async function append(count: number, into = log): Promise<void> {
  const first = into.headOffset();
  await into.append(
    Array.from({ length: count }, (_, at) => ({
      stream: `s-${at % 3}`,
      expected: 'any' as const,
      events: [note(`event ${first + at}`)],
    })),
  );
  if (into === log) tree?.advance(into.headOffset());
}

async function signed(size: number) {
  await tree.waitFor(size, TIMEOUT_MS);
  return tree.checkpoint();
}

/** Waits for the thread to give up, and returns why. */
async function fault(): Promise<string> {
  await expect(tree.waitFor(Number.MAX_SAFE_INTEGER, TIMEOUT_MS)).rejects.toThrow('not signed yet');
  return String((tree.fault() as { code?: string } | null)?.code);
}

test('what is appended is signed, and proved to be there and to follow what was signed before', async () => {
  tree = openTree();
  await append(300);
  const old = await signed(300);
  expect(old.size).toBe(300);
  expect(openNote(old.note, parseVerifier(tree.verifier))).toMatch(/^example\.com\/log\n300\n/);
  await append(500);
  const now = await signed(800);
  for (const offset of [1, 256, 257, 300, 800]) {
    const proof = tree.inclusion(offset, 800);
    expect(proof.leafHash).toEqual(leafHash(tree.entry(offset)));
    expect(verifyInclusion(proof.leafHash, offset - 1, 800, proof.hashes, now.root)).toBe(true);
  }
  expect(verifyConsistency(old, now, tree.consistency(300, 800).hashes)).toBe(true);
  expect(() => tree.inclusion(801, 801)).toThrow('800 events are signed');
  expect(() => tree.inclusion(301, 300)).toThrow('not among');
  expect(() => tree.consistency(2, 1)).toThrow();
  await tree.close();
  expect(statSync(join(treeDir(), 'signing.key')).mode & 0o777).toBe(0o600);
});

test('tiles and bundles are there up to what is signed, partial ones too', async () => {
  tree = openTree();
  await append(300);
  await signed(300);
  const hashes = tree.tile({ level: 0, index: 1, width: 44 });
  expect(hashes).toHaveLength(44 * 32);
  expect(hashes.subarray(0, 32)).toEqual(leafHash(tree.entry(257)));
  expect(tree.tile({ level: 0, index: 1, width: 3 })).toEqual(hashes.subarray(0, 96));
  expect(tree.tile({ level: 1, index: 0, width: 1 })).toHaveLength(32);
  for (const [level, index, width] of [
    [0, 1, 45],
    [0, 2, 1],
    [1, 0, 2],
    [2, 0, 1],
  ] as const) {
    expect(() => tree.tile({ level, index, width })).toThrow('no such tile');
  }
  const bundle = tree.tile({ level: 'entries', index: 1, width: 2 });
  const length = bundle.readUInt16BE(0);
  expect(bundle.subarray(2, 2 + length)).toEqual(tree.entry(257));
  expect(bundle.subarray(2 + length + 2)).toEqual(tree.entry(258));
  await tree.close();
});

test('an entry above 64 KiB is in no bundle, but in the tree, and can be read by itself', async () => {
  tree = openTree();
  await log.append([{ stream: 's', expected: 'any', events: [note('x'.repeat(70_000))] }]);
  tree.advance(1);
  await signed(1);
  expect(() => tree.tile({ level: 'entries', index: 0, width: 1 })).toThrow('read it at /v1/log/entries/1');
  expect(leafHash(tree.entry(1))).toEqual(tree.tile({ level: 0, index: 0, width: 1 }));
  await tree.close();
});

test('a tree goes on over a restart, and what was not signed of it is grown again', async () => {
  tree = openTree();
  await append(700);
  const before = await signed(700);
  await tree.close();
  // A crash may leave more than what was signed, and bytes that were never written.
  for (const level of [0, 1]) {
    const path = join(treeDir(), `${level}.hashes`);
    writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.alloc(100)]));
  }
  await append(100);
  tree = openTree();
  const now = await signed(800);
  expect(verifyConsistency(before, now, tree.consistency(700, 800).hashes)).toBe(true);
  await tree.close();
  expect(lastSigned(treeDir())).toEqual(now);
  expect(reports).toEqual([]);
});

test('damaged tree files are reported, and made again from the log', async () => {
  tree = openTree();
  await append(700);
  const { root } = await signed(700);
  await tree.close();
  const path = join(treeDir(), '0.hashes');
  const bytes = readFileSync(path);
  bytes[690 * 32]! ^= 1;
  writeFileSync(path, bytes);
  tree = openTree();
  await signed(700);
  expect(reports.join()).toMatch('made again from the log');
  expect(tree.inclusion(1, 700).rootHash).toEqual(root);
  await tree.close();
  writeFileSync(path, '');
  tree = openTree();
  await signed(700);
  expect(tree.inclusion(700, 700).rootHash).toEqual(root);
  await tree.close();
});

test('a log that was rewritten is not signed, whether longer or shorter, and the evidence stays', async () => {
  tree = openTree();
  await append(50);
  const { note: kept } = await signed(50);
  await tree.close();
  await log.close();
  rmSync(join(dir, 'log'), { recursive: true });
  log = await openLog('log');
  await append(40);
  tree = openTree();
  expect(await fault()).toBe('log.tree-mismatch');
  expect(() => tree.checkpoint()).toThrow('the log ends at 40, but its first 50 events were signed');
  await tree.close();
  await append(40);
  tree = openTree();
  expect(await fault()).toBe('log.tree-mismatch');
  expect(() => tree.checkpoint()).toThrow('the event at 50 is another one');
  await tree.close();
  expect(lastSigned(treeDir())?.note).toBe(kept);
});
