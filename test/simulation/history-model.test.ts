import fc from 'fast-check';
import { test } from 'vitest';
import { Changes } from './history-model-changes.ts';
import { type Asked, command, erasingAccount, isRevert, opening } from './history-model-commands.ts';
import { expectLists, expectPinnedList } from './history-model-lists.ts';
import { LIVES } from './history-model-lives.ts';
import { ModelPosition } from './history-model-position.ts';
import { expectReads } from './history-model-reads.ts';
import { HistoryStage } from './history-model-stage.ts';
import { whatIfThenReally } from './history-model-what-if.ts';
import { Random } from './random.ts';

/** More of them for longer hunts; a seed to see one again. */
const RUNS = Number(process.env.HISTORY_MODEL_RUNS ?? 1);
const SEED = process.env.HISTORY_MODEL_SEED;
const COMMANDS = 400;
const LOOKS = 2;

type Story = {
  readonly commands: readonly Asked[];
  readonly lives: readonly string[];
  /** What else is left to chance. */
  readonly choices: number;
};

const story: fc.Arbitrary<Story> = fc.record({
  commands: fc.array(command, { minLength: COMMANDS, maxLength: COMMANDS }),
  lives: fc.shuffledSubarray(Object.keys(LIVES), { minLength: Object.keys(LIVES).length }),
  choices: fc.nat(),
});

async function live({ commands, lives, choices }: Story): Promise<void> {
  const random = new Random(choices);
  const left = [...opening, ...commands.toSpliced(random.below(COMMANDS), 0, erasingAccount)];
  const aLife = Math.ceil(left.length / lives.length);
  const stage = await new HistoryStage().start();
  const send = async (count: number) => {
    for (const asked of left.splice(0, count)) await stage.send(asked, random.pick(['http', 'process']));
  };
  try {
    for (const name of lives) {
      await send(aLife - 22);
      await expectPinnedList(stage, random, () => send(1));
      await whatIfThenReally(stage, left.splice(0, 8).filter(isSupposable));
      await LIVES[name]!(stage, random, () => send(5));
      await look(stage, random).catch((cause: unknown) => {
        throw new Error(`after it ${name}`, { cause });
      });
    }
  } finally {
    await stage.stop();
  }
}

/** A ref that is told no position names how far the log has come, which what is supposed does not move. */
function isSupposable(asked: Asked): boolean {
  const { type, data } = asked;
  return !isRevert(asked) && type !== 'EraseAccount' && (type !== 'SetRef' || 'position' in data);
}

async function look(stage: HistoryStage, random: Random): Promise<void> {
  const changes = new Changes(stage, random);
  const { head } = stage.model;
  for (let count = 0; count < LOOKS; count += 1) {
    const offsets = [head, head, head].map((end) => random.pick([end, random.below(end + 1)]));
    const [from, middle, to] = offsets.sort((a, b) => a - b) as [number, number, number];
    const at = new ModelPosition(stage, random, middle);
    await expectReads(at);
    await expectLists(at);
    await changes.between(from, middle, to);
    await changes.fingerprints(from);
  }
  await changes.fingerprints(head);
}

test('every past state equals the copy that was kept of it', { timeout: RUNS * 120_000 }, async () => {
  const details = await fc.check(fc.asyncProperty(story, live), {
    numRuns: RUNS,
    endOnFailure: true,
    ...(SEED !== undefined && { seed: Number(SEED) }),
  });
  if (!details.failed) return;
  const again = `HISTORY_MODEL_SEED=${details.seed} HISTORY_MODEL_RUNS=${details.numRuns}`;
  throw new Error(`not equal; again with ${again}`, { cause: details.errorInstance });
});
