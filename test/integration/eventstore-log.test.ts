import { expect, test } from 'vitest';
import type { EventLog, RecordedWrite } from '#log/event-log.ts';
import { appended, everything, outcome, texts } from '#test/conformance/log/results.ts';
import { openLog, tempFolder } from '#test/conformance/open-log.ts';
import { hashOf, note, notes } from '#test/conformance/sample-events.ts';
import { errors } from '../../src/errors.ts';
import { expectSameAsServer, hasEvents, openMember, startDouble } from './eventstore-stage.ts';

test('two members on one server have one log, in one order', async () => {
  const double = await startDouble();
  const [a, b] = await Promise.all([openMember(double.url), openMember(double.url)]);
  expect(b.id).toBe(a.id);
  const writers = [a, b].flatMap((log, member) =>
    Array.from({ length: 4 }, async (_, writer) => {
      for (let at = 0; at < 20; at += 1) await appended(log, notes(`s-${writer}`, [`${member}.${at}`]));
    }),
  );
  await Promise.all(writers);
  await expectSameAsServer(a, double);
  await expectSameAsServer(b, double);
  expect(await everything(b)).toEqual(await everything(a));
});

test('members that rest on a revision never both win it, and who loses is told the revision that won', async () => {
  const double = await startDouble();
  const members = await Promise.all([openMember(double.url), openMember(double.url)]);
  const rounds = 40;
  const won = await Promise.all(
    members.map(async (log, member) => {
      let wins = 0;
      while (log.lastRevision('s') < rounds) {
        const last = log.lastRevision('s');
        const [result] = await log.append([notes('s', [`${member}`], last === -1 ? 'none' : last)]);
        if (result!.ok) {
          wins += 1;
          expect(result!.events[0]!.revision).toBe(last + 1);
        } else {
          expect(result!.error.code).toBe('stream.revision-conflict');
          expect(result!.currentRevision).toBeGreaterThan(last);
          // It rests on what can be read by then.
          expect(log.lastRevision('s')).toBeGreaterThanOrEqual(result!.currentRevision!);
        }
      }
      return wins;
    }),
  );
  expect(won[0]! + won[1]!).toBe(double.file.stream('strata.s').length);
  await expectSameAsServer(members[0]!, double);
});

test('writes that fall together stand or fall alone', async () => {
  const double = await startDouble();
  const [a, b] = await Promise.all([openMember(double.url), openMember(double.url)]);
  await appended(a, notes('s', ['0']));
  await hasEvents(b, 1);
  // Two members that do not know of each other's writes: whoever comes first, each write stands or falls by itself.
  const write = (log: EventLog) =>
    log.append([notes('s', ['x'], 0), notes('s', ['y'], 1), notes('s', ['any']), notes('s', ['z'], 3)]);
  const results = await Promise.all([write(a), write(b)]);
  const [won, lost] = results.map((each) => each.map(outcome)).toSorted((one) => (one[0] === 'ok' ? -1 : 1));
  const conflict = 'stream.revision-conflict';
  expect(won).toEqual(['ok', 'ok', 'ok', 'ok']);
  expect(lost).toEqual([conflict, conflict, 'ok', conflict]);
  await expectSameAsServer(b, double);
});

test('what was decided on a write that fell falls too, though another member made the revision that it names', async () => {
  const double = await startDouble();
  const [a, b] = await Promise.all([openMember(double.url), openMember(double.url)]);
  const conflict = 'stream.revision-conflict';
  let wonByOther = 0;
  for (let round = 0; wonByOther < 6; round += 1) {
    const stream = `s-${round}`;
    const writes = [notes(stream, ['1'], 'none'), notes(stream, ['2'], 0), notes(stream, ['3'], 1)];
    const other = a.append([notes(stream, ['other'], 'none')]);
    // In one call, and in calls that do not wait for each other.
    const own = round % 2 === 0 ? b.append(writes) : Promise.all(writes.map((write) => b.append([write])));
    const outcomes = (await own).flat().map(outcome);
    const [otherWrite] = await other;
    if (otherWrite!.ok) expect(outcomes).toEqual([conflict, conflict, conflict]);
    else expect(outcomes).toEqual(['ok', 'ok', 'ok']);
    if (otherWrite!.ok) wonByOther += 1;
  }
  await expectSameAsServer(b, double);
});

test('a lost subscription is begun again without a gap or a double', async () => {
  const double = await startDouble();
  const [writer, reader] = await Promise.all([openMember(double.url), openMember(double.url)]);
  for (let at = 0; at < 30; at += 1) {
    const appending = Array.from({ length: 10 }, (_, stream) =>
      appended(writer, notes(`s-${stream}`, ['a', 'b', 'c'])),
    );
    await Promise.race(appending);
    double.leader.dropSubscriptions();
    await Promise.all(appending);
  }
  expect(double.leader.subscribedAfter.length).toBeGreaterThan(4);
  await expectSameAsServer(writer, double);
  await expectSameAsServer(reader, double);
});

test('a member that starts again has the same log, with its replica and without', async () => {
  const double = await startDouble();
  const dir = tempFolder();
  const first = await openMember(double.url, { dir });
  for (let at = 0; at < 5; at += 1) await appended(first, notes('a', [`${at}`, 'x']), notes('b', [`${at}`]));
  const events = await everything(first);
  await first.close();
  const other = await openMember(double.url);
  expect(await everything(other)).toEqual(events);
  await appended(other, notes('a', ['later']));

  const before = double.leader.subscribedAfter.length;
  const again = await openMember(double.url, { dir });
  // It went on, and did not read all again.
  expect(double.leader.subscribedAfter.slice(before)).not.toContain(null);
  expect(await everything(again)).toEqual(await everything(other));
  expect(again.head()).toEqual(other.head());
  await expectSameAsServer(again, double);
});

test('a replica goes on behind what others wrote, however much that is', async () => {
  const double = await startDouble();
  const dir = tempFolder();
  const log = await openMember(double.url, { dir });
  await appended(log, notes('a', ['1']));
  const bytes = Buffer.from('{}');
  const foreign = (at: number) => {
    const id = `00000000-0000-4000-9000-${String(at).padStart(12, '0')}`;
    return { id, type: 'Other', contentType: 'application/json', data: bytes, metadata: bytes };
  };
  for (let at = 0; at < 5000; at += 1) double.file.append('other-app', 'any', [foreign(at)]);
  const end = double.file.events.at(-1)!.position;
  await appended(log, notes('a', ['2']));
  await log.close();
  const mark = double.file.events.findLast(({ stream }) => stream === 'strata.a')!.position;
  expect(mark).toBeGreaterThan(end);
  const again = await openMember(double.url, { dir });
  expect(double.leader.subscribedAfter.at(-1)).toBeGreaterThanOrEqual(mark);
  await expectSameAsServer(again, double);
});

test('a replica that is slow holds the server back, and not the events', async () => {
  const double = await startDouble();
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const [slow, quick] = await Promise.all([
    openMember(double.url, { prepare: () => released }),
    openMember(double.url),
  ]);
  const text = 'x'.repeat(100_000);
  for (let at = 0; at < 50; at += 1) await appended(quick, notes(`s-${at}`, [text]));
  await expect.poll(() => double.leader.heldBack).toBe(1);
  expect(slow.headOffset()).toBe(0);
  release();
  await expectSameAsServer(slow, double);
});

test('logs with other prefixes are other logs', async () => {
  const double = await startDouble();
  const [a, b] = await Promise.all([openMember(double.url), openMember(`${double.url}&prefix=second.`)]);
  expect(b.id).not.toBe(a.id);
  await appended(a, notes('s', ['1'], 'none'));
  await appended(b, notes('s', ['2'], 'none'));
  await expectSameAsServer(a, double);
  await expectSameAsServer(b, double, 'second.');
  expect(texts(await everything(b))).toEqual(['2']);
});

test('the log that others made first is the log', async () => {
  const double = await startDouble();
  const identities = Array.from({ length: 5 }, (_, at) => ({ id: hashOf(`log ${at}`), epoch: at + 1 }));
  const logs = await Promise.all(identities.map((identity) => openMember(double.url, { identity })));
  expect(new Set(logs.map(({ id, epoch }) => `${id} ${epoch}`)).size).toBe(1);
  expect(identities).toContainEqual({ id: logs[0]!.id, epoch: logs[0]!.epoch });
});

test('a log is not made where that is for others to do', async () => {
  const double = await startDouble();
  const misconfigured = { code: 'engine.misconfigured' };
  await expect(openMember(double.url, { create: false })).rejects.toMatchObject(misconfigured);
  await openMember(double.url);
  await openMember(double.url, { create: false });
});

test('events of others under the prefix are told, and nothing more is taken', async () => {
  const double = await startDouble();
  const log = await openMember(double.url);
  await appended(log, notes('a', ['1']));
  const bytes = Buffer.from('{}');
  const id = '00000000-0000-4000-9000-000000000001';
  double.file.append('strata.theirs', 'any', [
    { id, type: 'Other', contentType: 'application/json', data: bytes, metadata: bytes },
  ]);
  await expect.poll(() => log.fault()?.code).toBe('engine.misconfigured');
  expect(log.fault()!.message).toContain('strata.theirs');
  await expect(openMember(double.url)).rejects.toMatchObject({ code: 'engine.misconfigured' });
});

test('credentials are sent, wrong ones are told, and no append goes in a batch', async () => {
  const double = await startDouble({ credentials: 'admin:changeit' });
  const log = await openMember(double.url);
  await appended(log, notes('a', ['1']));
  const wrong = double.url.replace('changeit', 'wrong');
  const refused = await openMember(wrong).catch((error) => error);
  expect(refused).toMatchObject({ code: 'engine.misconfigured' });
  expect(JSON.stringify([refused.message, refused.errors])).not.toContain('wrong');
  const open = await startDouble();
  await appended(await openMember(open.url), notes('a', ['1']));
  expect([double.leader.calls.batchAppend, open.leader.calls.batchAppend]).toEqual([0, 0]);
});

test('a log that is imported has the positions that it had', async () => {
  const source = await openLog(tempFolder(), { clock: () => Date.UTC(2020, 1, 1) });
  const keyMark = { key: hashOf('key'), body: hashOf('body') };
  for (let at = 0; at < 30; at += 1) {
    await appended(source, notes(`s-${at % 3}`, ['x', `${at}`]), {
      stream: `k-${at}`,
      expected: 'none',
      events: [note('keyed', { keyMark })],
    });
  }
  const events = await everything(source);
  await source.close();
  const double = await startDouble();
  const log = await openMember(double.url, { identity: { id: source.id, epoch: source.epoch } });
  async function* writes(): AsyncIterable<RecordedWrite> {
    for (let at = 0; at < events.length; at += 3) {
      yield events.slice(at, at + 2);
      yield events.slice(at + 2, at + 3);
    }
  }
  await log.import(writes());
  expect(await everything(log)).toEqual(events);
  expect({ id: log.id, head: log.head() }).toEqual({ id: source.id, head: source.head() });
  await appended(log, notes('s-0', ['new']));
  const other = await openMember(double.url);
  expect(await everything(other)).toEqual(await everything(log));
});

test('where the keys of what comes cannot be had, it comes when they can', async () => {
  const double = await startDouble();
  let isRefused = true;
  const prepare = async () => {
    if (isRefused) throw errors.error('engine.misconfigured', 'the bucket refuses');
  };
  const [a, b] = await Promise.all([openMember(double.url), openMember(double.url, { prepare })]);
  await appended(a, notes('s', ['0']));
  await expect.poll(() => b.fault()?.message, { timeout: 10_000 }).toBe('the bucket refuses');
  isRefused = false;
  await hasEvents(b, 1);
  await expect.poll(() => b.fault(), { timeout: 10_000 }).toBeNull();
});
