import { join } from 'node:path';
import { memoryCooldowns } from '#cache/memory-cooldowns.ts';
import { createCodec } from '#events/encoding.ts';
import { openSubjectKeys } from '#events/subject-keys.ts';
import { catalogue } from '#handling/catalogue.ts';
import { createBus } from '#handling/command-bus.ts';
import type { Principal } from '#handling/domain.ts';
import type { Projections } from '#history/db.ts';
import { openEmbeddedLog } from '#log/embedded/embedded-log.ts';
import { PHOTOS } from '#projections/photos/photo.ts';
import { domains } from '#src/domains.ts';
import { buildLog, domainEvents, logDir, seeded } from '../replay/build-log.ts';
import { argument, inScratchFolder } from './child.ts';
import { openFolded } from './folded.ts';
import { libraryEvents, photoAt, tagAt } from './library.ts';
import { editRate, LIST_ITEMS, type PeerOutcome, type PeerWorkload, rateOf } from './peer-workload.ts';
import { medianSeconds } from './rates.ts';

// Strata in process: projections on their thread, the bus and the embedded log, without HTTP, in a process of its own.

const ADMIN: Principal = { role: 'admin', account: null, actor: 'admin' };
const ROUNDS = 5;
const PAGE_ITEMS = 1_000;
const KEYS_AT_ONCE = 1_000;
const SETTLED_WITHIN_MS = 60_000;

const workload = argument<PeerWorkload>();
const { library, seconds, changes } = workload;
console.log(JSON.stringify(await inScratchFolder('peer-history', measure)));

async function measure(dir: string): Promise<PeerOutcome> {
  const events = await buildLog(dir, libraryEvents(library));
  const projections = await openFolded(dir, events);
  const random = seeded(6);
  const below = (count: number) => Math.floor(random() * count);
  const position = () => library.photos + below(library.edits);
  const at = (offset?: number) => projections.db(offset).collection(PHOTOS);
  const diff = (documents: boolean) => {
    for (let cursor: string | null = null; ; ) {
      const from = events - changes;
      const page = at().changes({ from, documents, limit: PAGE_ITEMS, ...(cursor === null ? {} : { cursor }) });
      if (page.next === null) return;
      cursor = page.next;
    }
  };
  const outcome = {
    subject: 'Strata',
    currentReadsPerSecond: rateOf(seconds, () => at().get(photoAt(below(library.photos)))),
    asOfReadsPerSecond: rateOf(seconds, () => at(position()).get(photoAt(below(library.photos)))),
    asOfListsPerSecond: rateOf(seconds, () =>
      at(position()).list({ index: 'tag', value: tagAt(below(library.tags)), limit: LIST_ITEMS }),
    ),
    diffKeysMs: 1000 * medianSeconds(ROUNDS, () => diff(false)),
    diffDocumentsMs: 1000 * medianSeconds(ROUNDS, () => diff(true)),
  };
  const editsPerSecond = await edits(dir, projections, below);
  await projections.close();
  return { ...outcome, editsPerSecond };
}

async function edits(dir: string, projections: Projections, below: (count: number) => number): Promise<number> {
  const log = await openEmbeddedLog({
    dir: logDir(dir),
    durability: 'fsync',
    codec: createCodec(domainEvents()),
    report: (message) => console.error(message),
  });
  const keys = await openSubjectKeys({ dir: join(dir, 'keys'), cachedMax: library.photos });
  // As they would be there since the photos were added.
  for (let from = 0; from < library.photos; from += KEYS_AT_ONCE) {
    const count = Math.min(KEYS_AT_ONCE, library.photos - from);
    await keys.ensure(Array.from({ length: count }, (_, photo) => photoAt(from + photo)));
  }
  const bus = createBus({
    log,
    catalogue: catalogue(domains),
    keys,
    cooldowns: memoryCooldowns(),
    clock: Date.now,
    notBefore: 0,
    lagMs: () => projections.lagMs(),
    fault: () => log.fault(),
  });
  const advancing = (async () => {
    for await (const { to } of log.subscribe(log.head())) projections.advance(to);
  })();
  // What a server that has run for a while has at hand, as the others have their pages: the streams' states.
  for (let from = 0; from < library.photos; from += KEYS_AT_ONCE) {
    const count = Math.min(KEYS_AT_ONCE, library.photos - from);
    await Promise.all(Array.from({ length: count }, (_, photo) => changeNothing(photoAt(from + photo))));
  }
  const edit = async (count: number) => {
    const data = { photo: photoAt(below(library.photos)), set: { caption: `edited ${count}` } };
    await bus.handle({ type: 'EditPhoto', data, caller: ADMIN, idempotencyKey: null, expected: null });
  };
  async function changeNothing(photo: string): Promise<void> {
    const data = { photo, removeTags: ['a tag that it has not'] };
    await bus.handle({ type: 'EditPhoto', data, caller: ADMIN, idempotencyKey: null, expected: null });
  }
  const perSecond = await editRate(workload, edit, () => projections.waitFor(log.headOffset(), SETTLED_WITHIN_MS));
  await bus.close();
  await log.close();
  await advancing;
  await keys.close();
  return perSecond;
}
