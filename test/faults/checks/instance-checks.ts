import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { type Check, Findings } from '#src/audit/report.ts';
import type { Answered } from '../../integration/server-fixture.ts';
import type { Operation } from '../clients/operation.ts';
import type { Instance } from '../stage/instance.ts';
import { ask, askJson } from './asking.ts';
import type { LoggedEvent } from './evidence.ts';

const SAME_POSITION_MS_MAX = 60_000;
const ASK_AGAIN_MS = 200;
const ORIGINALS_MAX = 200;

/** All instances have the same events in the same order. */
export function checkSameLog(logs: readonly (readonly LoggedEvent[])[]): Check {
  const findings = new Findings();
  const [first = [], ...others] = logs;
  for (const [at, other] of others.entries()) {
    if (other.length !== first.length) findings.add(`instance 1 has ${first.length} events, ${at + 2} ${other.length}`);
    const parting = first.findIndex((event, index) => !isDeepStrictEqual(event, other[index]));
    if (parting >= 0) {
      const told = `${JSON.stringify(first[parting])} and ${JSON.stringify(other[parting])}`;
      findings.add(`instances 1 and ${at + 2} part at position ${parting + 1}: ${told}`);
    }
  }
  return findings.check('all instances have the same log', `${first.length} events, ${logs.length} instances`);
}

/** All instances have the same Merkle tree. */
export async function checkSameTree(instances: readonly Instance[], head: string): Promise<Check> {
  const findings = new Findings();
  const roots = await Promise.all(
    instances.map(async (instance) => {
      await ask(instance, '/v1/log/checkpoint', { 'Strata-Min-Position': head });
      const proof = await askJson(instance, `/v1/log/proof/inclusion?position=${head}&size=${head}`);
      return String(proof.rootHash);
    }),
  );
  if (new Set(roots).size !== 1) findings.add(`the roots are ${roots.join(', ')}`);
  return findings.check('all instances have the same tree', `${head} leaves, ${roots[0]}`);
}

/** All instances folded the same, by the fingerprints of every structure at one position. */
export async function checkFingerprints(instances: readonly Instance[]): Promise<Check> {
  const findings = new Findings();
  const endMs = performance.now() + SAME_POSITION_MS_MAX;
  for (;;) {
    const all = await Promise.all(instances.map((each) => askJson(each, '/v1/projections?fingerprints=true')));
    const told = all.map(({ items }) => items.map(fingerprintsOf));
    const positions = new Set(told.flat().map(({ position }: Answered) => position));
    if (positions.size !== 1 && performance.now() < endMs) {
      // What falls due is still written, and instances are asked one after the other.
      await delay(ASK_AGAIN_MS);
      continue;
    }
    for (const [at, other] of told.entries()) {
      for (const [index, projection] of other.entries()) {
        if (isDeepStrictEqual(projection, told[0][index])) continue;
        findings.add(
          `instance ${at + 1}: ${JSON.stringify(projection)}, instance 1: ${JSON.stringify(told[0][index])}`,
        );
      }
    }
    const [position] = positions;
    return findings.check('all fingerprints are equal', `${told[0].length} projections at position ${position}`);
  }
}

function fingerprintsOf({ projection, version, position, structures }: Answered): Answered {
  return { projection, version, position, structures };
}

/** Boards are shown by every instance as the log says, also from what Redis keeps of them. */
export async function checkBitmaps(
  instances: readonly Instance[],
  log: readonly LoggedEvent[],
  head: string,
  { board, side }: { readonly board: string; readonly side: number },
): Promise<Check> {
  const findings = new Findings();
  const expected = new Uint8Array((side * side) / 2);
  for (const { type, data } of log) {
    if (type !== 'PixelPlaced' || data.board !== board) continue;
    const place = data.y * side + data.x;
    const at = place >> 1;
    expected[at] = place % 2 === 0 ? (data.color << 4) | (expected[at]! & 0x0f) : (expected[at]! & 0xf0) | data.color;
  }
  for (const instance of instances) {
    const answer = await ask(instance, `/v1/boards/${board}/bitmap`, { 'Strata-Min-Position': head });
    const shown = new Uint8Array(await answer.arrayBuffer());
    const first = expected.findIndex((byte, at) => shown[at] !== byte);
    if (first >= 0 || shown.length !== expected.length) {
      const [x, y] = [(first * 2) % side, Math.floor((first * 2) / side)];
      const differing = expected.filter((byte, at) => shown[at] !== byte).length;
      findings.add(`${instance.name} shows ${differing} bytes of another colour, the first at ${x},${y}`);
    }
  }
  return findings.check(
    `the board "${board}" is what the log says`,
    `${side} x ${side}, ${instances.length} instances`,
  );
}

/** What was uploaded comes back byte for byte, from every instance. */
export async function checkOriginals(instances: readonly Instance[], history: readonly Operation[]): Promise<Check> {
  const findings = new Findings();
  const uploads = history.flatMap(({ step, outcome }) =>
    step.kind === 'upload' && outcome.is === 'accepted'
      ? [{ photo: outcome.stream.slice('photo-'.length), sha256: step.effect!.slice('upload '.length) }]
      : [],
  );
  const some = uploads.slice(-ORIGINALS_MAX);
  for (const instance of instances) {
    for (const { photo, sha256 } of some) {
      const answer = await ask(instance, `/v1/photos/${photo}/original`);
      const bytes = new Uint8Array(await answer.arrayBuffer());
      const found = createHash('sha256').update(bytes).digest('hex');
      if (found !== sha256) findings.add(`${instance.name}: photo ${photo} has ${found}, not ${sha256}`);
    }
  }
  return findings.check('what was uploaded is there', `${some.length} of ${uploads.length} photos`);
}
