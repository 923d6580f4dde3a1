import type { Codec } from '#events/encoding.ts';
import type { Catalogue } from '#handling/catalogue.ts';
import type { Domain } from '#handling/domain.ts';
import type { Finding, Findings } from './findings.ts';
import type { LogCheck } from './log-check.ts';

export type VerifyOptions = {
  readonly domains: readonly Domain[];
  readonly catalogue: Catalogue;
  readonly codec: Codec;
  readonly onProgress: (progress: VerifyProgress) => void;
};

export type VerifyProgress = {
  readonly phase: 'log' | 'blobs';
  /** Bytes of the log, or blobs. */
  readonly done: number;
};

export type VerifyReport = {
  readonly what: 'data folder' | 'log' | 'backup';
  readonly name: string;
  /** The last position that was looked at. */
  readonly position: string | null;
  readonly events: number;
  readonly streams: number;
  readonly logBytes: number;
  readonly keys: number | null;
  readonly blobs: number | null;
  readonly isWhole: boolean;
  /** How much is wrong, and the first of it in the order in which it was found. */
  readonly found: number;
  readonly findings: readonly Finding[];
  readonly seconds: number;
};

export function reportOf(
  told: Pick<VerifyReport, 'what' | 'name' | 'position' | 'keys' | 'blobs'>,
  check: LogCheck,
  findings: Findings,
  startedMs: number,
): VerifyReport {
  return {
    ...told,
    events: check.events,
    streams: check.streams.size,
    logBytes: check.bytes,
    isWhole: findings.count === 0,
    found: findings.count,
    findings: findings.first,
    seconds: (performance.now() - startedMs) / 1000,
  };
}
