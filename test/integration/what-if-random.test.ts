import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { memoryCooldowns } from '#cache/memory-cooldowns.ts';
import { photoId } from '#commands/photos/photo-id.ts';
import { ADMIN } from '#commands/world.ts';
import { openFields, type SubjectKeys } from '#events/sealing.ts';
import { openSubjectKeys } from '#events/subject-keys.ts';
import { catalogue } from '#handling/catalogue.ts';
import { createBus } from '#handling/command-bus.ts';
import { whatIf } from '#handling/what-if.ts';
import type { Db } from '#history/db.ts';
import { MemoryDb } from '#projections/memory-db.ts';
import { domains } from '#src/domains.ts';
import { StrataError } from '#src/errors.ts';
import { MemoryEventLog } from './http-memory-log.ts';

const AT = Date.parse('2026-05-01T12:00:00.000Z');
const definitions = domains.flatMap(({ projections }) => projections);
const collections = definitions.flatMap(({ structures }) => structures.filter(({ kind }) => kind === 'collection'));

type Asked = { readonly type: string; readonly data: { readonly [field: string]: unknown } };

const account = fc.constantFrom('acme', 'zeta');
const sha256 = fc.constantFrom('a', 'b').map((digit) => digit.repeat(64));
const photo = sha256.map((hash) => photoId('acme', hash));
/** Which of the albums that are there; its id is put in when it is sent. */
const album = fc.constantFrom(0, 1);
const title = fc.constantFrom('One', 'Two');
const tags = fc.uniqueArray(fc.constantFrom('alps', 'sea'), { maxLength: 2 });
const amount = fc.integer({ min: 1, max: 60 });
const image = { bytes: 1, mediaType: 'image/png', width: 1, height: 1, exif: null, fileName: 'x.png' };
const location = { latitude: 1, longitude: 2 };
const added = { library: 'acme', takenAt: null, location, ...image };

function asking(type: string, data: { readonly [field: string]: fc.Arbitrary<unknown> }): fc.Arbitrary<Asked> {
  return fc.record(data).map((made) => ({ type, data: made as Asked['data'] }));
}

const command = fc.oneof(
  asking('OpenAccount', { account, contact: fc.constantFrom(null, 'someone@example.org') }),
  asking('GrantCredits', { account, amount }),
  asking('DebitCredits', { account, amount, operation: fc.constant('pin') }),
  asking('PlaceHold', { account, hold: fc.constantFrom('h1', 'h2'), amount, ttlSeconds: fc.constant(60) }),
  asking('SettleHold', { account, hold: fc.constantFrom('h1', 'h2'), amount }),
  sha256.map((hash) => ({ type: 'AddPhoto', data: { ...added, sha256: hash } })),
  asking('EditPhoto', { photo, set: fc.record({ title, rating: fc.integer({ min: 0, max: 5 }) }), addTags: tags }),
  asking('EditPhoto', { photo, removeTags: tags }),
  asking('TrashPhoto', { photo }),
  asking('RestorePhoto', { photo }),
  asking('CreateAlbum', { title, library: fc.constant('acme') }),
  asking('AddToAlbum', { album, photo }),
  asking('RemoveFromAlbum', { album, photo }),
  asking('RenameAlbum', { album, title }),
  asking('DeleteAlbum', { album }),
  asking('CreateDapp', { dapp: fc.constantFrom('shop', 'wall'), account, title }),
  asking('DeleteDapp', { dapp: fc.constantFrom('shop', 'wall') }),
  asking('CreateBoard', { board: fc.constant('b'), width: fc.constant(300), height: fc.constant(2) }),
  asking('PlacePixel', { board: fc.constant('b'), x: fc.constantFrom(0, 299, 300), y: fc.constant(1), color: amount }),
  // Without a position it names how far the log has come, which a what-if does not move.
  asking('SetRef', { ref: fc.constantFrom('one', 'two'), position: fc.constant('0') }),
);

/** Ids that the server makes are other ones each time: each becomes its number in the order in which they first stand. */
function renamed(value: unknown): unknown {
  const ids = new Map<string, string>();
  const text = JSON.stringify(value).replace(/[0-9a-f]{32,}/g, (id) => {
    if (!ids.has(id)) ids.set(id, `#${ids.size}`);
    return ids.get(id)!;
  });
  return JSON.parse(text);
}

/** Everything that is there, open. */
function everything(db: Db, keys: SubjectKeys): object {
  const documents = collections.map(({ name }) => {
    const { items } = db.collection(name).scan({ prefix: '', limit: 1000 });
    const opened = items.map(({ bytes, offset }) => [
      offset,
      openFields(JSON.parse(bytes.toString('utf8')), (subject) => keys.get(subject)),
    ]);
    // Keys may be ids.
    return [name, opened.sort(([a], [b]) => Number(a) - Number(b) || 0)];
  });
  const pixels = [0, 299].map((x) => db.raster('boards').placement('b', x, 1));
  return [documents, pixels];
}

/** fast-check prints the seed of what fails. */
test('what commands would do is what they do when they are sent', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'strata-what-if-'));
  const keys = await openSubjectKeys({ dir });
  const known = catalogue(domains);
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 40 }), fc.nat(), async (asked, cut) => {
      const log = new MemoryEventLog();
      const cooldowns = memoryCooldowns();
      const options = { log, catalogue: known, keys, cooldowns, clock: () => AT, notBefore: 0 };
      const bus = createBus({ ...options, lagMs: () => 0, fault: () => null });
      const albums = ['0'.repeat(32), '1'.repeat(32)];
      const filledIn = ({ type, data }: Asked): Asked =>
        typeof data.album === 'number'
          ? { type, data: { ...data, album: albums.at(-1 - data.album) } }
          : { type, data };
      const send = async ({ type, data }: Asked) => {
        try {
          return await bus.handle({ type, data, caller: ADMIN, idempotencyKey: null, expected: null });
        } catch (error) {
          if (!(error instanceof StrataError)) throw error;
          return error;
        }
      };
      const first = cut % (asked.length + 1);
      for (const each of asked.slice(0, first)) {
        const done = await send(filledIn(each));
        if (each.type === 'CreateAlbum' && !(done instanceof StrataError)) albums.push(done.made.album!);
      }

      const commands = asked.slice(first).map((each) => ({ ...filledIn(each), at: AT }));
      const head = log.events.length;
      const eventAt = (offset: number) => log.events[offset - 1]!;
      const db = new MemoryDb(...definitions).fold(log.events);
      const parts = { log, keys, catalogue: known, definitions, eventAt, clock: () => AT };
      const would = await whatIf(parts, { db, caller: ADMIN, commands });
      expect(log.events.length).toBe(head);

      const told = (results: readonly (Awaited<ReturnType<typeof send>> | (typeof would.results)[number])[]) =>
        results.map((result) => {
          if (result instanceof StrataError) return [result.code, result.message];
          const events = result.events.map(({ type, data, revision, offset, at }) => {
            const opened = openFields(data, (subject) => keys.get(subject));
            return { type, data: opened, revision, offset, at };
          });
          return [result.stream, result.revision, events];
        });
      const sent = [];
      for (const each of commands) sent.push(await send(each));
      const after = new MemoryDb(...definitions).fold(log.events);
      expect(renamed([told(would.results), everything(would.db, keys)])).toEqual(
        renamed([told(sent), everything(after, keys)]),
      );
    }),
    { numRuns: 300 },
  );
  await keys.close();
  rmSync(dir, { recursive: true, force: true });
});
