import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memoryCooldowns } from '#cache/memory-cooldowns.ts';
import { createCodec } from '#events/encoding.ts';
import { openSubjectKeys } from '#events/subject-keys.ts';
import { catalogue } from '#handling/catalogue.ts';
import { createBus } from '#handling/command-bus.ts';
import type { Principal } from '#handling/domain.ts';
import { openProjections } from '#history/folding/projections.ts';
import { openEmbeddedLog } from '#log/embedded/embedded-log.ts';
import { domains } from '#src/domains.ts';
import type { Debit, Subject } from './workload.ts';

const ADMIN: Principal = { role: 'admin', account: null, actor: 'admin' };
const GRANTED = 1_000_000_000;
const PREPARED_AT_ONCE = 512;
const PROJECTED_WITHIN_MS = 60_000;

/** Strata in process: the bus, the embedded log and every projection on its thread, without HTTP. */
export async function strata(): Promise<Subject> {
  const dir = mkdtempSync(join(tmpdir(), 'strata-peer-'));
  const known = catalogue(domains);
  const logDir = join(dir, 'log');
  const codec = createCodec([...known.events.values()]);
  const log = await openEmbeddedLog({
    dir: logDir,
    durability: 'fsync',
    codec,
    report: (message) => console.error(message),
  });
  const keys = await openSubjectKeys({ dir: join(dir, 'keys') });
  const projections = await openProjections({
    dir,
    logDir,
    synced: log.headOffset(),
    projectorUrl: new URL('../../src/projector.ts', import.meta.url),
    definitions: domains.flatMap((domain) => domain.projections),
  });
  const bus = createBus({
    log,
    catalogue: known,
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

  const send = (type: string, data: object, revision: number | null = null) =>
    bus.handle({
      type,
      data,
      caller: ADMIN,
      idempotencyKey: null,
      expected: revision === null ? null : { revision, as: 'conflict' },
    });
  const settled = () => projections.waitFor(log.headOffset(), PROJECTED_WITHIN_MS);
  let prepared = 0;
  return {
    name: 'Strata',
    pipelined: true,
    callersMax: Number.MAX_SAFE_INTEGER,
    async prepare(streams) {
      prepared = streams;
      for (let from = 0; from < streams; from += PREPARED_AT_ONCE) {
        const accounts = Array.from({ length: Math.min(PREPARED_AT_ONCE, streams - from) }, (_, at) => `a${from + at}`);
        await Promise.all(accounts.map((account) => send('OpenAccount', { account })));
        await Promise.all(accounts.map((account) => send('GrantCredits', { account, amount: GRANTED })));
      }
      await settled();
    },
    async append(stream, debits) {
      const data: Debit = { account: `a${stream}`, amount: 1, operation: 'upload', bytes: 4096 };
      // The account was opened and granted credits, which are revisions 0 and 1.
      await send('DebitCredits', data, debits + 1);
    },
    settled,
    async projected() {
      const accounts = projections.db().collection('accounts');
      let spent = 0;
      for (let stream = 0; stream < prepared; stream += 1) {
        const account = accounts.get(`a${stream}`);
        if (account === null) throw new Error(`the account a${stream} is not projected`);
        spent += (JSON.parse(String(account.bytes)) as { spent: number }).spent;
      }
      return spent;
    },
    async close() {
      await bus.close();
      await projections.close();
      await log.close();
      await advancing;
      await keys.close();
      rmSync(dir, { recursive: true });
    },
  };
}
