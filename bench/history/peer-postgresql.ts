import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { postgresqlFolder, startPostgres } from '../peer/postgresql-server.ts';
import { argument } from './child.ts';
import { LIST_ITEMS, type PeerOutcome, type PeerWorkload } from './peer-workload.ts';
import { keyAt, libraryVersions, STILL } from './versions.ts';

// PostgreSQL on a local socket, with a temporal table as one writes it by hand, asked by its own pgbench.

const DIFFS = 5;
const LOADED_AT_ONCE = 1_000;

const workload = argument<PeerWorkload>();
const { library, seconds, changes, callers } = workload;
const bin = postgresqlFolder();
if (bin === null) throw new Error('PostgreSQL is not installed');
const server = await startPostgres();
try {
  console.log(JSON.stringify(await measure(bin)));
} finally {
  await server.stop();
}

async function measure(folder: string): Promise<PeerOutcome> {
  await load(folder);
  const events = library.photos + library.edits;
  const photo = `\\set at random(0, ${library.photos - 1})`;
  const position = `\\set position random(${library.photos}, ${events})`;
  const from = events - changes;
  const latest = `(SELECT photo, max(valid_from) AS valid_from FROM photos WHERE valid_from > ${from} AND valid_from <= ${events} GROUP BY photo)`;
  const read = (lines: readonly string[]) => rate(folder, lines, ['-c', '1', '-T', String(seconds)]);
  const diff = async (query: string) => 1000 / (await rate(folder, [query], ['-c', '1', '-t', String(DIFFS)]));
  return {
    subject: 'PostgreSQL, temporal table',
    currentReadsPerSecond: await read([
      photo,
      `SELECT document FROM photos WHERE photo = md5(:at::text) AND valid_to = ${STILL};`,
    ]),
    asOfReadsPerSecond: await read([
      photo,
      position,
      'SELECT document FROM photos WHERE photo = md5(:at::text) AND valid_from <= :position ORDER BY valid_from DESC LIMIT 1;',
    ]),
    asOfListsPerSecond: await read([
      `\\set tag random(0, ${library.tags - 1})`,
      position,
      `SELECT document FROM photos WHERE tag = 'tag-' || :tag AND valid_from <= :position AND valid_to > :position ORDER BY taken, photo LIMIT ${LIST_ITEMS};`,
    ]),
    diffKeysMs: await diff(`SELECT DISTINCT photo FROM photos WHERE valid_from > ${from} AND valid_from <= ${events};`),
    diffDocumentsMs: await diff(
      `SELECT last.photo, before.document, after.document FROM ${latest} last
         JOIN photos after ON after.photo = last.photo AND after.valid_from = last.valid_from
         LEFT JOIN photos before ON before.photo = last.photo AND before.valid_from <= ${from} AND before.valid_to > ${from};`.replaceAll(
        '\n',
        ' ',
      ),
    ),
    editsPerSecond: await rate(
      folder,
      [photo, `SELECT edit(md5(:at::text), 'edited by a caller');`],
      ['-c', String(callers), '-j', '2', '-T', String(seconds)],
    ),
  };
}

/** Transactions a second that pgbench reports for a script, prepared once. */
async function rate(folder: string, lines: readonly string[], args: readonly string[]): Promise<number> {
  const script = join(server.dir, 'script.sql');
  writeFileSync(script, lines.join('\n'));
  const common = ['-h', server.dir, '-U', 'postgres', '-n', '-M', 'prepared', '-f', script];
  const { stdout } = await promisify(execFile)(join(folder, 'pgbench'), [...common, ...args, 'postgres']);
  const tps = /^tps = ([\d.]+)/m.exec(stdout)?.[1];
  if (tps === undefined || /number of failed transactions: [1-9]/.test(stdout)) throw new Error(stdout);
  return Number(tps);
}

async function load(folder: string): Promise<void> {
  const psql = spawn(join(folder, 'psql'), ['-h', server.dir, '-U', 'postgres', '-q', '-v', 'ON_ERROR_STOP=1'], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const exited = once(psql, 'exit');
  psql.stdin.write(`CREATE TABLE photos (photo text NOT NULL, valid_from bigint NOT NULL, valid_to bigint NOT NULL, tag text, taken text NOT NULL, document text NOT NULL);
    CREATE SEQUENCE edits START ${library.photos + library.edits + 1};
    CREATE FUNCTION edit(edited text, caption text) RETURNS void LANGUAGE plpgsql AS $$
      DECLARE old photos; position bigint;
      BEGIN
        SELECT * INTO old FROM photos WHERE photo = edited AND valid_to = ${STILL} FOR UPDATE;
        -- Another caller may have ended it meanwhile; then the newest is locked instead.
        WHILE old.photo IS NULL LOOP
          SELECT * INTO old FROM photos WHERE photo = edited AND valid_to = ${STILL} FOR UPDATE;
        END LOOP;
        position := nextval('edits');
        UPDATE photos SET valid_to = position WHERE photo = edited AND valid_from = old.valid_from;
        INSERT INTO photos VALUES (edited, position, ${STILL}, old.tag, old.taken, (old.document::jsonb || jsonb_build_object('caption', caption))::text);
      END $$;
    COPY photos FROM STDIN;\n`);
  let lines: string[] = [];
  const send = async () => {
    if (!psql.stdin.write(lines.join(''))) await once(psql.stdin, 'drain');
    lines = [];
  };
  for (const { at, validFrom, validTo, tag, taken, document } of libraryVersions(library)) {
    const text = document.replaceAll('\\', '\\\\');
    lines.push(`${keyAt(at)}\t${validFrom}\t${validTo}\t${tag ?? '\\N'}\t${taken}\t${text}\n`);
    if (lines.length === LOADED_AT_ONCE) await send();
  }
  await send();
  psql.stdin.end(`\\.
    CREATE UNIQUE INDEX photos_current ON photos (photo) WHERE valid_to = ${STILL};
    CREATE UNIQUE INDEX photos_versions ON photos (photo, valid_from);
    CREATE INDEX photos_tags ON photos (tag, taken, photo, valid_from, valid_to);
    CREATE INDEX photos_changes ON photos (valid_from, photo);
    VACUUM ANALYZE photos;
    CHECKPOINT;\n`);
  const [code] = await exited;
  if (code !== 0) throw new Error('the library could not be loaded');
}
