import { expect, test } from 'vitest';
import { appended, everything, outcome, texts } from '#test/conformance/log/results.ts';
import { hashOf, note, notes } from '#test/conformance/sample-events.ts';
import type { EventStoreDouble } from '#test/eventstore-double/eventstore-double.ts';
import type { AppendFault } from '#test/eventstore-double/server-node.ts';
import { Random } from '#test/simulation/random.ts';
import { expectSameAsServer, openMember, startDouble } from './eventstore-stage.ts';

const FAULTS: readonly AppendFault[] = ['unavailable', 'lost', 'answer cut off', 'answer lost'];
/** Three attempts of half a second. */
const timeMs = 1500;

test.each(FAULTS)('a write is there once, and its caller is told so, when the server fails by "%s"', async (fault) => {
  const double = await startDouble();
  const log = await openMember(double.url, { timeMs });
  await appended(log, notes('a', ['0']));
  for (const [at, expected] of (['any', 1, 'none'] as const).entries()) {
    double.leader.failAppends(fault, fault);
    const stream = expected === 'none' ? 'b' : 'a';
    const [event] = await appended(log, notes(stream, [`${at + 1}`], expected));
    expect(event).toMatchObject({ stream, revision: expected === 'none' ? 0 : at + 1 });
  }
  expect(texts(await everything(log))).toEqual(['0', '1', '2', '3']);
  await expectSameAsServer(log, double);
});

test('writes that went together are there once when their answer is lost, and the server has forgotten recent ids', async () => {
  const double = await startDouble();
  const log = await openMember(double.url, { timeMs });
  double.leader.failAppends('answer cut off');
  double.file.onNext(() => double.file.forgetRecent());
  await appended(log, notes('a', ['0']), notes('a', ['1', '2']), notes('a', ['3']));
  expect(texts(await everything(log))).toEqual(['0', '1', '2', '3']);
  await expectSameAsServer(log, double);
});

test('a write that is sent again by its caller is answered as the first time', async () => {
  const double = await startDouble();
  const [a, b] = await Promise.all([openMember(double.url), openMember(double.url)]);
  const keyMark = { key: hashOf('key'), body: hashOf('body') };
  await appended(a, notes('s', ['0']));
  for (const expected of [0, 'any'] as const) {
    const events = [note(`${expected}`, { keyMark }), note('second', { keyMark })];
    const first = await appended(a, { stream: 's', expected, events });
    await appended(a, notes('s', ['between']));
    // As by a caller who heard nothing, on another member, behind another write.
    const results = await b.append([notes('s', ['with']), { stream: 's', expected, events }]);
    expect(results[1]).toEqual({ ok: true, events: first });
  }
  expect(texts(await everything(b))).toEqual([
    '0',
    '0',
    'second',
    'between',
    'with',
    'any',
    'second',
    'between',
    'with',
  ]);
});

test('a server that is gone is told, and found again', async () => {
  const double = await startDouble();
  const log = await openMember(double.url, { timeMs });
  await appended(log, notes('a', ['1']));
  double.stop();
  await expect.poll(() => log.fault()?.code, { timeout: 5000 }).toBe('engine.unavailable');
  const [refused] = await log.append([notes('a', ['2'], 0)]);
  expect(refused).toMatchObject({ ok: false, error: { code: 'engine.unavailable', status: 503 } });
  expect(texts(await everything(log))).toEqual(['1']);
  await double.restart();
  await expect.poll(() => log.fault(), { timeout: 10_000 }).toBeNull();
  await appended(log, notes('a', ['3'], 0));
  await expectSameAsServer(log, double);
});

test('a start waits for the server, and gives up in time', async () => {
  const double = await startDouble();
  const { url } = double;
  double.stop();
  await expect(openMember(url, { timeMs: 300 })).rejects.toMatchObject({ code: 'engine.unavailable' });
  const opening = openMember(url, { timeMs: 20_000 });
  await double.restart();
  await appended(await opening, notes('a', ['1']));
});

test('a write that nobody can tell of is not called refused', async () => {
  const double = await startDouble();
  const log = await openMember(double.url, { timeMs: 300 });
  double.leader.failAppends('lost', 'lost', 'lost', 'lost', 'lost');
  const [result] = await log.append([notes('a', ['1'])]);
  expect(outcome(result)).toBe('command.outcome-unknown');
});

test('the leader is followed from node to node', async () => {
  const double = await startDouble({ nodes: 3 });
  const [, follower] = double.nodes;
  const direct = await openMember(`esdb://${follower!.address}?tls=false`, { timeMs: 10_000 });
  const found = await openMember(double.url, { timeMs: 10_000 });
  for (let round = 0; round < 6; round += 1) {
    double.leader = double.nodes[round % 3]!;
    const logs = [direct, found];
    await Promise.all(logs.map((log) => appended(log, notes('s', [`${round}`]), notes(`r-${round}`, ['x']))));
  }
  await expectSameAsServer(direct, double);
  await expectSameAsServer(found, double);
});

test('a cluster of which no node could be found is found when it is back', async () => {
  const double = await startDouble({ nodes: 2 });
  const log = await openMember(`${double.url}&maxDiscoverAttempts=1`, { timeMs });
  await appended(log, notes('a', ['1']));
  double.stop();
  const [refused] = await log.append([notes('a', ['2'], 0)]);
  expect(refused).toMatchObject({ ok: false, error: { code: 'engine.unavailable' } });
  for (const node of double.nodes) await node.start();
  await expect.poll(async () => outcome((await log.append([notes('a', ['3'], 0)]))[0]), { timeout: 15_000 }).toBe('ok');
  await expectSameAsServer(log, double);
});

test('whatever fails, what was acknowledged is there once, and what was refused is not', async () => {
  const random = Random.fresh();
  try {
    const double = await startDouble({ nodes: 2 });
    const members = await Promise.all([openMember(double.url, { timeMs }), openMember(double.url, { timeMs })]);
    const told = new Map<string, string>();
    let isWriting = true;
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      const log = members[writer % 2]!;
      for (let at = 0; at < 25; at += 1) {
        const stream = `s-${random.below(4)}`;
        const last = log.lastRevision(stream);
        const expected = random.pick(['any', last === -1 ? 'none' : last] as const);
        const write = notes(
          stream,
          Array.from({ length: 1 + random.below(3) }, (_, n) => `${writer}.${at}.${n}`),
          expected,
        );
        const [result] = await log.append([write]);
        for (const { id } of write.events) told.set(id, outcome(result));
      }
    });
    const breaking = breakThings(double, random, () => isWriting);
    await Promise.all(writers);
    isWriting = false;
    await breaking;
    for (const log of members) await expectSameAsServer(log, double);
    const there = (await everything(members[0]!)).map(({ id }) => id);
    const known = new Set(there);
    expect(known.size).toBe(there.length);
    for (const [id, what] of told) {
      if (what === 'ok') expect(known).toContain(id);
      else if (what !== 'command.outcome-unknown') expect(known).not.toContain(id);
    }
    expect(new Set(told.values())).toContain('ok');
  } catch (error) {
    throw new Error(`seed ${random.seed}`, { cause: error });
  }
});

/** One fault after another, with some quiet between. */
async function breakThings(double: EventStoreDouble, random: Random, isGoing: () => boolean): Promise<void> {
  const steps = [
    () => double.leader.failAppends(random.pick(FAULTS)),
    () => double.leader.failAppends(random.pick(FAULTS), random.pick(FAULTS)),
    () => {
      for (const node of double.nodes) node.dropSubscriptions();
    },
    () => {
      double.leader = random.pick(double.nodes);
    },
    () => double.restart(),
    () => double.file.forgetRecent(),
  ];
  while (isGoing()) {
    const before = double.file.events.length;
    await random.pick(steps)();
    // Until some got through.
    while (isGoing() && double.file.events.length < before + random.below(10)) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}
