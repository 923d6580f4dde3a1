import { expect } from 'vitest';
import type { Declare } from '../event-log.suite.ts';
import { hashOf, note, notes, point } from '../sample-events.ts';
import { appended, everything, expectWellFormed, inOrder, outcome, texts } from './results.ts';

const WRITE_EVENTS_MAX = 1000;
const WRITE_BYTES_MAX = 256 * 1024;

/** Order, revisions, conflicts, and what is answered when. */
export function appending(declare: Declare): void {
  declare('revisions count from 0 within a stream, and offsets rise', async ({ log }) => {
    const events = await appended(log, notes('a', ['1', '2']), notes('b', ['3']), notes('a', ['4'], 1));
    expect(events.map(({ stream, revision }) => [stream, revision])).toEqual([
      ['a', 0],
      ['a', 1],
      ['b', 0],
      ['a', 2],
    ]);
    expectWellFormed(events);
    expect(await everything(log)).toEqual(events);
    expect(log.fault()).toBeNull();
  });

  declare('what is read is what was written, whatever it holds', async ({ log, reopen }) => {
    const keyMark = { key: hashOf('key'), body: hashOf('body') };
    const data = {
      text: 'Ünïcødé ✓ 𝄞\n"\\\u0000',
      list: [1, -0.5, 1e21, true, null, { z: 1, a: [] }],
      '': {},
      ключ: 'v',
    };
    const plain = note('first', { actor: 'account:acme' });
    const written = [
      plain,
      note('', { causation: plain.id, keyMark, at: 0, data }),
      point(0, 255, { causation: plain.id, actor: 'ä'.repeat(63) }),
      point(17, 4, { keyMark }),
    ];
    const stream = `straße-${'x'.repeat(247)}`;
    const events = await appended(log, { stream, expected: 'none', events: written });
    const expected = written.map((event, at) => ({ ...event, stream, revision: at }));
    expect(events).toMatchObject(expected);
    expect(await everything(log)).toEqual(events);
    expect(await everything(await reopen())).toEqual(events);
  });

  declare('a write names the revision that it rests on', async ({ log }) => {
    const results = await log.append([
      notes('a', ['1'], 0),
      notes('a', ['2'], 'none'),
      notes('a', ['3'], 'none'),
      notes('a', ['4', '5'], 0),
      notes('a', ['6'], 0),
      notes('a', ['7'], 'any'),
      notes('a', ['8'], 3),
    ]);
    const conflict = 'stream.revision-conflict';
    expect(results.map(outcome)).toEqual([conflict, 'ok', conflict, 'ok', conflict, 'ok', 'ok']);
    expect(results[0]).toMatchObject({ currentRevision: -1 });
    expect(results[2]).toMatchObject({ currentRevision: 0 });
    expect(results[4]).toMatchObject({ currentRevision: 2 });
    expect(texts(await everything(log))).toEqual(['2', '4', '5', '7', '8']);
  });

  declare('a revision is compared with what is enqueued, not only with what is synced', async ({ log }) => {
    const first = log.append([notes('a', ['1'], 'none')]);
    const second = log.append([notes('a', ['2'], 0)]);
    const third = log.append([notes('a', ['3'], 0)]);
    expect(log.lastRevision('a')).toBe(1);
    const results = (await Promise.all([first, second, third])).flat();
    expect(results.map(outcome)).toEqual(['ok', 'ok', 'stream.revision-conflict']);
    expect(results[2]).toMatchObject({ currentRevision: 1 });
  });

  declare('a conflict is answered when what it rests on is synced', async ({ log }) => {
    const [written] = await appended(log, notes('a', ['1']));
    void log.append([notes('a', ['2'], 0)]);
    const [result] = await log.append([notes('a', ['3'], 0)]);
    expect(result).toMatchObject({ ok: false, currentRevision: 1 });
    expect(log.head().offsets[written!.partition]).toBeGreaterThan(written!.offset);
  });

  declare('writes are ordered as they were handed over, within a call and across calls', async ({ log }) => {
    const calls = Array.from({ length: 200 }, (_, call) =>
      appended(log, ...Array.from({ length: 1 + (call % 5) }, (_, at) => notes('a', [`${call}.${at}`]))),
    );
    const answered = (await Promise.all(calls)).flat();
    expectWellFormed(answered);
    expect(texts(await everything(log))).toEqual(texts(answered));
  });

  declare('nothing is read, counted or followed before it is synced', async ({ log }) => {
    await appended(log, notes('a', ['1']));
    const head = log.head();
    const appending = log.append([notes('a', ['2'])]);
    expect(log.head()).toEqual(head);
    expect(log.lastRevision('a')).toBe(1);
    let answered = false;
    void appending.then(() => {
      answered = true;
    });
    while (!answered) {
      const all = await everything(log);
      const known = log.head().offsets[all[0]!.partition]!;
      expect(all.every(({ offset }) => offset <= known)).toBe(true);
    }
    expect(await everything(log)).toHaveLength(2);
  });

  declare('a call without writes is answered', async ({ log }) => {
    expect(await log.append([])).toEqual([]);
    expect(await everything(log)).toEqual([]);
  });

  declare('a write that is too large is refused whole, and others stand', async ({ log }) => {
    const many = Array.from({ length: WRITE_EVENTS_MAX + 1 }, (_, at) => point(at % 256, 0));
    const results = await log.append([
      notes('a', ['1']),
      { stream: 'a', expected: 'any', events: many },
      notes('a', ['x'.repeat(WRITE_BYTES_MAX)]),
      notes('b', ['x'.repeat(WRITE_BYTES_MAX / 2), 'x'.repeat(WRITE_BYTES_MAX / 2)]),
      { stream: 'a', expected: 0, events: many.slice(1) },
      notes('a', ['x'.repeat(WRITE_BYTES_MAX - 1024)], WRITE_EVENTS_MAX),
    ]);
    const tooLarge = 'log.write-too-large';
    expect(results.map(outcome)).toEqual(['ok', tooLarge, tooLarge, tooLarge, 'ok', 'ok']);
    expect(log.lastRevision('b')).toBe(-1);
    const all = await everything(log);
    expectWellFormed(all);
    expect(all).toHaveLength(WRITE_EVENTS_MAX + 2);
  });

  declare('a write without events is refused, and others stand', async ({ log }) => {
    const results = await log.append([notes('a', ['1']), notes('a', []), notes('a', ['2'], 0)]);
    expect(results.map(({ ok }) => ok)).toEqual([true, false, true]);
    expect(texts(await everything(log))).toEqual(['1', '2']);
  });

  declare('an event that cannot be written is refused, and others stand', async ({ log }) => {
    const lone = note('\ud800');
    const results = await log.append([
      notes('a', ['1']),
      { stream: 'a', expected: 'any', events: [note('fine'), lone] },
      { stream: '', expected: 'any', events: [note('no stream')] },
      { stream: 'x'.repeat(256), expected: 'any', events: [note('too long a name')] },
      notes('a', ['2'], 0),
    ]);
    expect(results.map(({ ok }) => ok)).toEqual([true, false, false, false, true]);
    expect(texts(await everything(log))).toEqual(['1', '2']);
  });

  declare('many megabytes at once are written whole', async ({ log }) => {
    const large = 'y'.repeat(200 * 1024);
    const calls = Array.from({ length: 4 }, (_, call) =>
      appended(log, ...Array.from({ length: 10 }, (_, at) => notes(`s-${at}`, [`${call}${large}`]))),
    );
    const events = inOrder((await Promise.all(calls)).flat());
    expectWellFormed(events);
    expect(await everything(log)).toEqual(events);
  });

  declare('settled resolves when all before is synced, also when nothing is to be written', async ({ log }) => {
    await log.settled();
    await log.append([notes('a', ['1'], 7)]);
    await log.settled();
    let answered = 0;
    for (let at = 0; at < 10; at += 1) void log.append([notes('a', [`${at}`])]).then(() => (answered += 1));
    await log.settled();
    expect(log.head().offsets.reduce((sum, offset) => sum + offset, 0)).toBeGreaterThanOrEqual(10);
    expect(await everything(log)).toHaveLength(10);
    await log.settled();
    expect(answered).toBe(10);
  });

  declare('the clock may go back and recordedAt does not', async ({ log, clock, reopen }) => {
    const start = clock.nowMs;
    await appended(log, notes('a', ['1']));
    clock.nowMs = start + 5000;
    await appended(log, notes('a', ['2']));
    clock.nowMs = start - 60_000;
    await appended(log, notes('a', ['3']), notes('b', ['4']));
    const again = await reopen();
    await appended(again, notes('a', ['5']));
    clock.nowMs = start + 5001;
    await appended(again, notes('a', ['6']));
    const times = (await everything(again)).map(({ recordedAt }) => recordedAt - start);
    expect(times).toEqual([0, 5000, 5000, 5000, 5000, 5001]);
  });
}
