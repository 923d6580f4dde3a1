import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import { seeded } from '../replay/build-log.ts';
import { argument } from './child.ts';
import { editRate, LIST_ITEMS, type PeerOutcome, type PeerWorkload, rateOf } from './peer-workload.ts';
import { medianSeconds } from './rates.ts';
import { keyAt, libraryVersions, STILL } from './versions.ts';

// SQLite in process, with a temporal table as one writes it by hand, in a process of its own.

const ROUNDS = 5;

const workload = argument<PeerWorkload>();
const { library, seconds, changes } = workload;
const dir = mkdtempSync(join(tmpdir(), 'strata-sqlite-'));
const db = new DatabaseSync(join(dir, 'photos.db'));
try {
  console.log(JSON.stringify(await measure()));
} finally {
  db.close();
  rmSync(dir, { recursive: true });
}

async function measure(): Promise<PeerOutcome> {
  load();
  const random = seeded(6);
  const below = (count: number) => Math.floor(random() * count);
  const events = library.photos + library.edits;
  const position = () => library.photos + below(library.edits);

  const current = db.prepare(`SELECT document FROM photos WHERE photo = ? AND valid_to = ${STILL}`);
  const asOf = db.prepare(
    'SELECT document FROM photos WHERE photo = ? AND valid_from <= ? ORDER BY valid_from DESC LIMIT 1',
  );
  const list = db.prepare(
    `SELECT document FROM photos WHERE tag = ? AND valid_from <= ? AND valid_to > ? ORDER BY taken, photo LIMIT ${LIST_ITEMS}`,
  );
  const keys = db.prepare('SELECT DISTINCT photo FROM photos WHERE valid_from > ? AND valid_from <= ?');
  const documents = db.prepare(
    `SELECT last.photo, before.document AS before, after.document AS after
       FROM (SELECT photo, max(valid_from) AS valid_from FROM photos WHERE valid_from > :from AND valid_from <= :to GROUP BY photo) last
       JOIN photos after ON after.photo = last.photo AND after.valid_from = last.valid_from
       LEFT JOIN photos before ON before.photo = last.photo AND before.valid_from <= :from AND before.valid_to > :from`,
  );
  const from = events - changes;
  return {
    subject: 'SQLite, temporal table',
    currentReadsPerSecond: rateOf(seconds, () => current.get(keyAt(below(library.photos)))),
    asOfReadsPerSecond: rateOf(seconds, () => asOf.get(keyAt(below(library.photos)), position())),
    asOfListsPerSecond: rateOf(seconds, () => {
      const at = position();
      list.all(`tag-${below(library.tags)}`, at, at);
    }),
    diffKeysMs: 1000 * medianSeconds(ROUNDS, () => keys.all(from, events)),
    diffDocumentsMs: 1000 * medianSeconds(ROUNDS, () => documents.all({ from, to: events })),
    editsPerSecond: await edits(events, below),
  };
}

/** All callers share the one connection, because SQLite has one writer. */
async function edits(events: number, below: (count: number) => number): Promise<number> {
  const read = db.prepare(`SELECT document, tag, taken FROM photos WHERE photo = ? AND valid_to = ${STILL}`);
  const close = db.prepare(`UPDATE photos SET valid_to = ? WHERE photo = ? AND valid_to = ${STILL}`);
  const add = db.prepare('INSERT INTO photos VALUES (?, ?, ?, ?, ?, ?)');
  const edit = async (count: number) => {
    const photo = keyAt(below(library.photos));
    db.exec('BEGIN IMMEDIATE');
    const { document, tag, taken } = read.get(photo) as { document: string; tag: string | null; taken: string };
    const after = JSON.stringify({ ...JSON.parse(document), caption: `edited ${count}` });
    close.run(events + count, photo);
    add.run(photo, events + count, STILL, tag, taken, after);
    db.exec('COMMIT');
    await setImmediate();
  };
  return editRate(workload, edit, async () => undefined);
}

function load(): void {
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -262144; PRAGMA mmap_size = 4294967296;
    CREATE TABLE photos (photo TEXT NOT NULL, valid_from INTEGER NOT NULL, valid_to INTEGER NOT NULL, tag TEXT, taken TEXT NOT NULL, document TEXT NOT NULL);
    BEGIN`);
  const insert = db.prepare('INSERT INTO photos VALUES (?, ?, ?, ?, ?, ?)');
  for (const { at, validFrom, validTo, tag, taken, document } of libraryVersions(library)) {
    insert.run(keyAt(at), validFrom, validTo, tag, taken, document);
  }
  db.exec(`COMMIT;
    CREATE UNIQUE INDEX photos_current ON photos (photo) WHERE valid_to = ${STILL};
    CREATE UNIQUE INDEX photos_versions ON photos (photo, valid_from);
    CREATE INDEX photos_tags ON photos (tag, taken, photo, valid_from, valid_to);
    CREATE INDEX photos_changes ON photos (valid_from, photo);
    ANALYZE;
    PRAGMA wal_checkpoint(TRUNCATE);
    PRAGMA synchronous = FULL`);
}
