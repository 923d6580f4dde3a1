import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readBlobs } from '#blobs/open.ts';
import { createCodec } from '#events/encoding.ts';
import { formatPosition } from '#events/position.ts';
import type { BlobUseFold } from '#handling/invariant.ts';
import { replayAndCompare } from '#history/replay/replay.ts';
import { openLogReader } from '#log/embedded/log-reader.ts';
import { provenLog } from '#log/embedded/proven-head.ts';
import type { LogReader } from '#log/log-reader.ts';
import { lastSigned, type SignedCheckpoint } from '#log/transparency/checkpoint-signer.ts';
import { type Verifier, verifierOf } from '#log/transparency/signed-note.ts';
import { findSigningKey } from '#log/transparency/signing-key.ts';
import type { Config } from '../config.ts';
import { domains } from '../domains.ts';
import { isStrataError } from '../errors.ts';
import { checkBlobs } from './blob-check.ts';
import { checkEvents, LOG_IS_READABLE } from './event-checks.ts';
import { projectionCheck } from './projection-check.ts';
import { type AuditProgress, type AuditReport, type Check, Findings } from './report.ts';
import { recomputeTree, type TreeAuditResult } from './tree-audit.ts';
import { checkInclusion, checkSaved, checkSignature, checkTree, type SavedCheckpoint } from './tree-checks.ts';

export type AuditOptions = {
  /** Where the data lies, as the server is configured. */
  readonly config: Pick<Config, 'dataDir' | 'log' | 'tree' | 'blobs'>;
  /** Checkpoints that were kept: that the log goes on from each of them. */
  readonly saved?: readonly SavedCheckpoint[];
  /** The key that checkpoints must be signed with; the data folder's own unless told. */
  readonly verifier?: Verifier;
  /** Offsets of events to prove to be in the tree. */
  readonly events?: readonly number[];
  /** Folders for what is folded again are made in it; removed afterwards. */
  readonly scratchDir: string;
  readonly onProgress?: (progress: AuditProgress) => void;
};

/**
 * Checks all that a data folder holds against the log, and the log against what was signed. It reads only, beside a running
 * server or without one. A log that cannot be opened is a finding as well.
 */
export async function audit(options: AuditOptions): Promise<AuditReport> {
  const startMs = performance.now();
  const { config, onProgress = () => undefined } = options;
  // Read first: what was signed by then is in the log that is read after.
  const signed = await settled(() => lastSigned(config.tree.dir));
  const proven = await settled(() => provenLog(config.log.dir));
  if (proven.value === null) return unreadable(proven.problem, startMs);
  const { head } = proven.value;
  const log = openLogReader(config.log.dir, createCodec(domains.flatMap(({ events }) => events)));
  try {
    const hashing = settled(() => hashTree(options, signed.value, head));
    const events = await checkEvents(log, head, domains, (done) => onProgress({ phase: 'events', done, total: head }));
    const blobs = events.blobs === null ? [] : [await checkStoredBlobs(options, events.blobs)];
    const projections = await checkProjections(options, log);
    const [reading, ...invariants] = events.checks;
    const checks = [
      reading!,
      ...treeChecks(options, { signed, hashed: await hashing, head, log }),
      ...invariants,
      ...blobs,
      projections,
    ];
    const position = formatPosition({ epoch: log.epoch, offsets: [head] });
    return reportOf({ id: log.id, position }, checks, startMs);
  } finally {
    log.close();
  }
}

function unreadable(problem: string | null, startMs: number): AuditReport {
  const findings = new Findings();
  findings.add(problem ?? 'it could not be opened');
  return reportOf(null, [findings.check(LOG_IS_READABLE, 'it cannot be opened')], startMs);
}

function reportOf(log: AuditReport['log'], checks: readonly Check[], startMs: number): AuditReport {
  return { ok: checks.every(({ ok }) => ok), log, checks, seconds: (performance.now() - startMs) / 1000 };
}

/** What was to be had, or why it was not: an error of the table is a finding, not the end of an audit. */
type Settled<Value> = { readonly value: Value | null; readonly problem: string | null };

async function settled<Value>(work: () => Value | Promise<Value>): Promise<Settled<Value>> {
  try {
    return { value: await work(), problem: null };
  } catch (error) {
    if (!isStrataError(error)) throw error;
    return { value: null, problem: error.message };
  }
}

type Hashed = { readonly tree: TreeAuditResult; readonly rootOf: (size: number) => string | null };

async function hashTree(
  { config, saved = [], onProgress }: AuditOptions,
  signed: SignedCheckpoint | null,
  head: number,
): Promise<Hashed> {
  const checkpoints = [...(signed === null ? [] : [signed]), ...saved.map(({ checkpoint }) => checkpoint)];
  const within = checkpoints.map(({ size }) => size).filter((size) => size <= head);
  const sizes = [...new Set(within)].sort((a, b) => a - b);
  const data = { logDir: config.log.dir, treeDir: config.tree.dir, to: head, sizes, stored: signed?.size ?? 0 };
  const tree = await recomputeTree(data, (done) => onProgress?.({ phase: 'tree', done, total: head }));
  return { tree, rootOf: (size) => tree.roots[sizes.indexOf(size)] ?? null };
}

type TreeFacts = {
  readonly signed: Settled<SignedCheckpoint | null>;
  readonly hashed: Settled<Hashed>;
  readonly head: number;
  readonly log: LogReader;
};

function treeChecks(options: AuditOptions, { signed, hashed, head, log }: TreeFacts): readonly Check[] {
  const { config, saved = [], events = [], verifier } = options;
  const key = findSigningKey(config.tree.dir, config.tree.keyPath);
  const verifierFor = (origin: string) => verifier ?? (key === null ? null : verifierOf(origin, key));
  const problem = signed.problem ?? hashed.problem;
  if (hashed.value === null || problem !== null) {
    const findings = new Findings();
    findings.add(problem ?? 'the tree could not be hashed');
    return [findings.check('the tree is of these events', 'could not be told')];
  }
  const { tree, rootOf } = hashed.value;
  return [
    checkTree(signed.value, { tree, root: rootOf(signed.value?.size ?? 0), head }),
    ...(signed.value === null ? [] : [checkSignature(signed.value, verifierFor)]),
    ...saved.map((each) => checkSaved(each, verifierFor, rootOf(each.checkpoint.size), head)),
    ...events.map((offset) => checkInclusion(offset, signed.value, log, config.tree.dir)),
  ];
}

async function checkStoredBlobs({ config, onProgress }: AuditOptions, uses: readonly BlobUseFold[]): Promise<Check> {
  const blobs = await readBlobs(config.blobs);
  return checkBlobs(blobs, uses, (done) => onProgress?.({ phase: 'blobs', done, total: null }));
}

async function checkProjections({ config, scratchDir, onProgress }: AuditOptions, log: LogReader): Promise<Check> {
  const scratch = mkdtempSync(join(scratchDir, 'strata-audit-'));
  try {
    const replayed = await settled(() =>
      replayAndCompare({
        dataDir: config.dataDir,
        scratchDir: scratch,
        log,
        definitions: domains.flatMap(({ projections }) => projections),
        eventTypes: domains.flatMap(({ events }) => events.map(({ type }) => type)),
        onProgress: ({ done, total }) => onProgress?.({ phase: 'projections', done, total }),
      }),
    );
    return projectionCheck(replayed.value, replayed.problem);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
