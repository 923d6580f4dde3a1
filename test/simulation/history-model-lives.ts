import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { createCodec } from '#events/encoding.ts';
import { parsePosition } from '#events/position.ts';
import { catalogue } from '#handling/catalogue.ts';
import { backUp } from '#src/backup/backup.ts';
import { dataFolderIn } from '#src/backup/data-folder.ts';
import { restore } from '#src/backup/restore.ts';
import { openTarget } from '#src/backup/target.ts';
import { domains } from '#src/domains.ts';
import type { HistoryStage } from './history-model-stage.ts';
import type { Random } from './random.ts';

const WITHIN = { timeout: 20_000, interval: 5 };
const { events } = catalogue(domains);
const PROJECTIONS = domains.flatMap(({ projections }) => projections.map(({ name }) => name));

/** What a server goes through between two looks at its past. `goOn` sends some more commands meanwhile. */
export type Life = (stage: HistoryStage, random: Random, goOn: () => Promise<void>) => Promise<void>;

export const LIVES: { readonly [name: string]: Life } = {
  'goes on': async () => {},
  restarts: async (stage) => stage.moveTo(stage.dir),
  'stops without closing': async (stage, _random, goOn) => {
    // As a process that is killed leaves its files. The projections stand where they were some events ago.
    await settled(stage);
    const dir = stage.freshDir();
    stage.copyTo(dir, (name) => name === 'projections');
    await goOn();
    await settled(stage);
    stage.copyTo(dir, (name) => name !== 'projections');
    await stage.moveTo(dir);
  },
  'loses its projections': async (stage) => {
    const { dir } = stage;
    await stage.moveTo(dir, { between: () => rmSync(join(dir, 'projections'), { recursive: true }) });
  },
  'rebuilds projections': async (stage, random, goOn) => {
    const some = [random.pick(PROJECTIONS), 'photos'];
    for (const name of new Set(some)) {
      const path = `/v1/projections/${name}`;
      await expect.poll(async () => (await stage.call('POST', `${path}/rebuild`)).code, WITHIN).toBeNull();
      await goOn();
      if (random.chance(0.5)) await stage.moveTo(stage.dir);
      await expect.poll(async () => (await stage.call('POST', `${path}/promote`)).code, WITHIN).toBeNull();
      await stage.learn();
    }
  },
  'is restored from a backup': async (stage, _random, goOn) => {
    const target = await openTarget(stage.freshDir());
    // The second copies what has come since.
    for (let backup = 0; backup < 2; backup += 1) {
      await goOn();
      const data = dataFolderIn(stage.dir);
      await backUp({ data, target, keysTarget: target, withBlobs: true, onProgress: () => {} });
    }
    const dir = stage.freshDir();
    const { position } = await restore({
      target,
      keysTarget: target,
      dir,
      blobs: null,
      to: null,
      epoch: null,
      erased: new Set(),
      clock: Date.now,
      codec: createCodec([...events.values()]),
      events,
      onProgress: () => {},
    });
    const { epoch, offsets } = parsePosition(position);
    expect(epoch).toBe(stage.epoch + 1);
    expect(offsets).toEqual([stage.model.head]);
    await stage.moveTo(dir, { epoch });
  },
};

/** All that was acknowledged is folded, and lies in the files. */
async function settled(stage: HistoryStage): Promise<void> {
  await stage.server.strata.db();
}
