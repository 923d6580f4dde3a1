import { counted } from '#handling/invariant.ts';
import type { LogReader } from '#log/log-reader.ts';
import { parseCheckpoint } from '#log/transparency/checkpoint.ts';
import type { SignedCheckpoint } from '#log/transparency/checkpoint-signer.ts';
import { HashFiles } from '#log/transparency/hash-files.ts';
import { leafHash } from '#log/transparency/hashing.ts';
import { visitLeaves } from '#log/transparency/leaves.ts';
import { inclusionProof, verifyInclusion } from '#log/transparency/merkle.ts';
import { noteText, openNote, type Verifier } from '#log/transparency/signed-note.ts';
import { TILE_WIDTH } from '#log/transparency/tile.ts';
import { errors, isStrataError } from '../errors.ts';
import { type Check, Findings } from './report.ts';
import type { TreeAuditResult } from './tree-audit.ts';

const TREE = 'the tree is of these events';

/** The key to verify a note with, which names its log; `null` where there is none. */
export type VerifierOf = (origin: string) => Verifier | null;

/** A checkpoint that someone kept, and how it is called in the report. */
export type SavedCheckpoint = { readonly name: string; readonly checkpoint: SignedCheckpoint };

/** A signed note as a checkpoint, whoever signed it. @throws log.note-invalid */
export function readCheckpoint(note: string): SignedCheckpoint {
  return { ...parseCheckpoint(noteText(note)), note };
}

/** That the events of the log are the ones in the tree's files, and give the root that was signed. */
export function checkTree(
  signed: SignedCheckpoint | null,
  { tree, root, head }: { readonly tree: TreeAuditResult; readonly root: string | null; readonly head: number },
): Check {
  const findings = new Findings();
  if (signed === null) return findings.check(TREE, 'nothing was signed yet');
  const { size } = signed;
  if (size > head) findings.add(`the log ends at ${head}, but its first ${size} events were signed`);
  if (tree.different !== null) {
    const { level, index } = tree.different;
    const first = index * TILE_WIDTH ** level + 1;
    if (level === 0) findings.add(`the event at ${first} is not the one in the tree`);
    else findings.add(`the tree's level ${level} is not made of the events from ${first} on`);
  }
  if (root !== null && root !== signed.root.toString('hex')) {
    findings.add(`the first ${size} events give the root ${root}, and ${signed.root.toString('hex')} was signed`);
  }
  return findings.check(TREE, `${counted(Math.min(size, head), 'event')}, root ${signed.root.toString('hex')}`);
}

/** That the last checkpoint carries the log's signature. */
export function checkSignature(signed: SignedCheckpoint, verifierOf: VerifierOf): Check {
  const findings = new Findings();
  verifyNote(signed, verifierOf, findings);
  return findings.check(
    'the last checkpoint is signed by the log',
    `${signed.origin}, ${counted(signed.size, 'event')}`,
  );
}

/** That the log goes on from a checkpoint that was kept, by its events: nothing before it was rewritten since. */
export function checkSaved(
  { name, checkpoint }: SavedCheckpoint,
  verifierOf: VerifierOf,
  root: string | null,
  head: number,
): Check {
  const findings = new Findings();
  const { size } = checkpoint;
  verifyNote(checkpoint, verifierOf, findings);
  if (root === null)
    findings.add(`the log ends at ${head}, before the ${size} events of ${name}: some were taken away`);
  else if (root !== checkpoint.root.toString('hex')) {
    findings.add(`the log was rewritten since: its first ${size} events are not those of ${name}`);
  }
  return findings.check(
    `the log goes on from ${name}`,
    `${counted(size, 'event')} then, ${head.toLocaleString('en-US')} now`,
  );
}

/** That the event at the offset is in the tree that was signed. */
export function checkInclusion(
  offset: number,
  signed: SignedCheckpoint | null,
  log: LogReader,
  treeDir: string,
): Check {
  const findings = new Findings();
  const name = `the event at ${offset} is in the tree`;
  if (signed === null || offset < 1 || offset > signed.size) {
    findings.add(`the last checkpoint has ${signed?.size ?? 0} events`);
    return findings.check(name, 'not signed');
  }
  const files = HashFiles.forReading(treeDir);
  let what = '';
  try {
    const proof = inclusionProof(files, offset - 1, signed.size);
    visitLeaves(log, offset - 1, offset, (bytes) => {
      const isThere = verifyInclusion(leafHash(bytes), offset - 1, signed.size, proof, signed.root);
      if (!isThere) findings.add(`no proof leads from it to the root that was signed`);
    });
    log.visit(offset - 1, offset, ({ type, stream, revision, recordedAt }) => {
      what = `${type} ${stream}@${revision} of ${new Date(recordedAt).toISOString()}, proved by a path of ${proof.length}`;
    });
  } catch (error) {
    if (!isStrataError(error)) throw error;
    findings.add(error.message);
  } finally {
    files.close();
  }
  return findings.check(name, what);
}

function verifyNote(checkpoint: SignedCheckpoint, verifierOf: VerifierOf, findings: Findings): void {
  try {
    const verifier = verifierOf(checkpoint.origin);
    if (verifier === null) throw errors.error('log.note-invalid', 'there is no key to verify it with: name one');
    openNote(checkpoint.note, verifier);
  } catch (error) {
    if (!isStrataError(error)) throw error;
    findings.add(error.message);
  }
}
