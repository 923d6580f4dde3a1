import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { note, sampleCodec } from '#test/conformance/sample-events.ts';
import { openEmbeddedLog } from './embedded-log.ts';
import { provenLog } from './proven-head.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'strata-proven-'));
});

afterEach(() => rmSync(dir, { recursive: true }));

const open = (name: string) => openEmbeddedLog({ dir: join(dir, name), codec: sampleCodec, durability: 'fsync' });

test('beside a writer that recovered from a crash and writes nothing more, what it recovered is proven', async () => {
  const log = await open('log');
  await log.append([{ stream: 's', expected: 'any', events: [note('one'), note('two')] }]);
  // As a crash leaves it: without an end mark, and with the index behind.
  cpSync(join(dir, 'log'), join(dir, 'copy'), { recursive: true });
  await log.close();
  const recovered = await open('copy');
  expect((await provenLog(join(dir, 'copy'))).head).toBe(2);
  await recovered.close();
});
