import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { newId } from '#events/identity.ts';
import { jarsCodec, Members, type TestMember } from '#handling/forwarding/members-fixture.ts';
import { openEventStoreLog } from '#log/eventstore/eventstore-log.ts';
import type { LocalLog } from '#log/local-log.ts';
import { EventStoreDouble } from '#test/eventstore-double/eventstore-double.ts';
import { tempFolder } from '../conformance/open-log.ts';

type Instance = { readonly member: TestMember; readonly log: LocalLog };

/** Two instances, each with a replica of its own, on one server. */
async function twoInstances(): Promise<readonly [Instance, Instance]> {
  const double = await EventStoreDouble.start();
  onTestFinished(() => double.stop());
  const members = await new Members().open();
  const logs: LocalLog[] = [];
  onTestFinished(async () => {
    await members.close();
    for (const log of logs) await log.close();
  });
  const open = async (name: string): Promise<Instance> => {
    const dir = join(tempFolder(), name);
    const log = await openEventStoreLog({ url: double.url, dir, codec: jarsCodec, create: true });
    logs.push(log);
    return { member: await members.join(`http://${name}`, { log }), log };
  };
  return [await open('a'), await open('b')];
}

async function reached(log: LocalLog, offset: number): Promise<void> {
  await expect.poll(() => log.headOffset(), { timeout: 10_000, interval: 5 }).toBeGreaterThanOrEqual(offset);
}

test('what two instances write to one stream at once holds its limit, and nothing is decided on what is stale', async () => {
  const [a, b] = await twoInstances();
  const { position } = await a.member.send('SetLimit', { limit: 100 });
  await reached(b.log, Number(position));
  let filled = 0;
  const client = async ({ member }: Instance, commands: number) => {
    for (let each = 0; each < commands; each += 1) {
      try {
        await member.send('Fill', { jar: 'x', amount: 1 });
        filled += 1;
      } catch (error) {
        expect(error).toMatchObject({ code: 'jar.full' });
      }
    }
  };
  await Promise.all(Array.from({ length: 30 }, (_, at) => client(at % 2 === 0 ? a : b, 5)));
  expect(filled).toBe(100);
  const head = Math.max(a.log.headOffset(), b.log.headOffset());
  await Promise.all([reached(a.log, head), reached(b.log, head)]);
  const events = await Array.fromAsync(a.log.readStream('jar-x'));
  const each = [...Array(100).keys()];
  expect(events.map(({ revision }) => revision)).toEqual(each);
  // What each was decided on is what is before it.
  expect(events.map(({ data }) => data.held)).toEqual(each);
  expect(await Array.fromAsync(b.log.readStream('jar-x'))).toEqual(events);
}, 60_000);

test('a key is one effect, whichever instance it is sent to', async () => {
  const [a, b] = await twoInstances();
  const { position } = await a.member.send('SetLimit', { limit: 100 });
  await reached(b.log, Number(position));
  const keyed = { idempotencyKey: 'k' };
  const answers = await Promise.all(
    [a, b, a, b].map(({ member }) => member.send('Fill', { jar: 'y', amount: 7 }, keyed)),
  );
  const ids = answers.map(({ events }) => events.map(({ id }) => id));
  expect(new Set(ids.flat()).size).toBe(1);
  expect(answers.filter(({ replayed }) => !replayed).length).toBeGreaterThan(0);
  expect(await Array.fromAsync(a.log.readStream('jar-y'))).toHaveLength(1);
}, 60_000);

test('a write that rests on one that falls falls with it, though another instance made the revision that it names', async () => {
  const [a, b] = await twoInstances();
  const filled = () => ({
    ...{ id: newId(), type: 'Filled', version: 1, at: 0, actor: 'admin', causation: null, keyMark: null },
    data: { jar: 'z', amount: 1, held: 0 },
  });
  let lost = 0;
  for (let each = 0; each < 40; each += 1) {
    const stream = `jar-${each}`;
    const other = b.log.append([{ stream, expected: 'none', events: [filled()] }]);
    const [first, second] = await a.log.append([
      { stream, expected: 'none', events: [filled()] },
      { stream, expected: 0, events: [filled()] },
    ]);
    await other;
    expect(second!.ok).toBe(first!.ok);
    if (!first!.ok) lost += 1;
  }
  expect(lost).toBeGreaterThan(0);
}, 60_000);
