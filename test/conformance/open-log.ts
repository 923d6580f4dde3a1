import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type EmbeddedLog, type EmbeddedLogOptions, openEmbeddedLog } from '#log/embedded/embedded-log.ts';
import { sampleCodec } from './sample-events.ts';

/** A new folder that is gone when the test ends. */
export function tempFolder(parent = tmpdir()): string {
  const dir = mkdtempSync(join(parent, 'strata-log-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Opens an embedded log for the sample events. Whoever opens it closes it. */
export function openLog(dir: string, options: Partial<EmbeddedLogOptions> = {}): Promise<EmbeddedLog> {
  return openEmbeddedLog({ dir, codec: sampleCodec, durability: 'fsync', ...options });
}
