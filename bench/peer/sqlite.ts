import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Debit, Subject } from './workload.ts';

// What is used of packages that are installed beside this program alone, and that the type checker need not find.
type Connection = {
  command(sql: string, values?: readonly unknown[]): Promise<unknown>;
  querySingle<Row>(sql: string): Promise<Row | null>;
  close(): void;
};
type Event = { readonly type: string; readonly data: object };
type Emmett = {
  getSQLiteEventStore(options: object): {
    appendToStream(
      stream: string,
      events: readonly Event[],
      options?: { expectedStreamVersion: bigint },
    ): Promise<unknown>;
  };
  sqliteConnection(options: { fileName: string }): Connection;
};

/**
 * Emmett on SQLite, in the write-ahead mode that it sets and the full synchronisation that SQLite has by default. One
 * caller at a time: from several, its store shares one connection's transaction among them and loses appends.
 */
export async function sqlite(): Promise<Subject> {
  const dir = mkdtempSync(join(tmpdir(), 'strata-sqlite-'));
  const fileName = join(dir, 'events.db');
  const require = createRequire(new URL('./sqlite/package.json', import.meta.url));
  const emmett = require('@event-driven-io/emmett-sqlite') as Emmett;

  const own = emmett.sqliteConnection({ fileName });
  await own.command('CREATE TABLE balances (account TEXT PRIMARY KEY, spent INTEGER NOT NULL)');
  const mode = await own.querySingle<{ synchronous: number }>('PRAGMA synchronous');
  if (mode?.synchronous !== 2) throw new Error('SQLite does not sync every commit, so there is nothing to compare');

  const store = emmett.getSQLiteEventStore({
    fileName,
    projections: [
      {
        type: 'inline',
        projection: {
          name: 'balances',
          canHandle: ['CreditsDebited'],
          handle: async (events: readonly { data: Debit }[], { connection }: { connection: Connection }) => {
            for (const { data } of events) {
              await connection.command('UPDATE balances SET spent = spent + ? WHERE account = ?', [
                data.amount,
                data.account,
              ]);
            }
          },
        },
      },
    ],
  });
  await store.appendToStream('account-first', [{ type: 'AccountOpened', data: {} }]);

  return {
    name: 'Emmett 0.38.5 on SQLite',
    pipelined: false,
    callersMax: 1,
    async prepare(streams) {
      await own.command(
        `INSERT INTO balances WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${streams - 1})
         SELECT 'a' || i, 0 FROM n`,
      );
    },
    async append(stream, debits) {
      const account = `a${stream}`;
      const data: Debit = { account, amount: 1, operation: 'upload', bytes: 4096 };
      await store.appendToStream(`account-${account}`, [{ type: 'CreditsDebited', data }], {
        expectedStreamVersion: BigInt(debits),
      });
    },
    settled: async () => undefined,
    async projected() {
      return (await own.querySingle<{ total: number }>('SELECT sum(spent) AS total FROM balances'))?.total ?? 0;
    },
    async close() {
      own.close();
      rmSync(dir, { recursive: true });
    },
  };
}
