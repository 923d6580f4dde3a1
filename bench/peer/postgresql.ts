import { createRequire } from 'node:module';
import { startPostgres } from './postgresql-server.ts';
import type { Debit, Subject } from './workload.ts';

const CONNECTIONS = 64;
const ACCOUNTS_A_STATEMENT = 1000;

// What is used of packages that are installed beside this program alone, and that the type checker need not find.
type Event = { readonly type: string; readonly data: object };
type Store = {
  appendToStream(
    stream: string,
    events: readonly Event[],
    options: { expectedStreamVersion: bigint },
  ): Promise<unknown>;
  close(): Promise<void>;
};
type Emmett = {
  getPostgreSQLEventStore(url: string, options: object): Store;
  postgreSQLRawSQLProjection(definition: object): object;
};
type Dumbo = { sql(template: string, ...values: unknown[]): string; rawSql(text: string): string };
type Pool = {
  query(text: string, values?: readonly unknown[]): Promise<{ rows: { total: string | null }[] }>;
  end(): Promise<void>;
};

/** Emmett on a PostgreSQL of its own, over a local socket, with the settings of durability as they come. */
export async function postgresql(): Promise<Subject> {
  const server = await startPostgres();
  const require = createRequire(new URL('./postgresql/package.json', import.meta.url));
  const emmett = require('@event-driven-io/emmett-postgresql') as Emmett;
  const { sql, rawSql } = require('@event-driven-io/dumbo') as Dumbo;
  const pg = require('pg') as { Pool: new (options: object) => Pool };
  const pool = new pg.Pool({ host: server.dir, user: 'postgres', database: 'postgres', max: CONNECTIONS });

  const store = emmett.getPostgreSQLEventStore(`postgresql://postgres@localhost/postgres?host=${server.dir}`, {
    connectionOptions: { pool },
    projections: [
      {
        type: 'inline',
        projection: emmett.postgreSQLRawSQLProjection({
          name: 'balances',
          canHandle: ['CreditsDebited'],
          init: () => rawSql('CREATE TABLE IF NOT EXISTS balances (account text PRIMARY KEY, spent bigint NOT NULL)'),
          evolve: ({ data }: { data: Debit }) =>
            sql('UPDATE balances SET spent = spent + %s WHERE account = %L', data.amount, data.account),
        }),
      },
    ],
  });
  // The first append makes the schema; 64 at once would do so in each other's way.
  await store.appendToStream('account-first', [{ type: 'AccountOpened', data: {} }], { expectedStreamVersion: 0n });

  return {
    name: 'Emmett 0.42 on PostgreSQL',
    pipelined: false,
    callersMax: CONNECTIONS,
    async prepare(streams) {
      for (let from = 0; from < streams; from += ACCOUNTS_A_STATEMENT) {
        const accounts = Array.from(
          { length: Math.min(ACCOUNTS_A_STATEMENT, streams - from) },
          (_, at) => `a${from + at}`,
        );
        await pool.query('INSERT INTO balances SELECT unnest($1::text[]), 0', [accounts]);
      }
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
      const { rows } = await pool.query('SELECT sum(spent) AS total FROM balances');
      return Number(rows[0]!.total ?? 0);
    },
    async close() {
      await store.close();
      await pool.end();
      await server.stop();
    },
  };
}
