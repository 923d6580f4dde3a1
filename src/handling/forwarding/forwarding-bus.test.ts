import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Members, type TestMember } from './members-fixture.ts';

let members: Members;
let a: TestMember;
let b: TestMember;

beforeEach(async () => {
  members = await new Members().open();
  a = await members.join('http://a', { movingMsMax: 400 });
  b = await members.join('http://b', { movingMsMax: 400 });
  await a.send('SetLimit', { limit: 100 });
});

afterEach(() => members.close());

async function fails(code: string, sent: Promise<unknown>): Promise<void> {
  await expect(sent).rejects.toMatchObject({ code });
}

test('a command is decided by the owner of its stream, wherever it is sent', async () => {
  const here = await a.send('Fill', { jar: 'of-a', amount: 60 });
  const there = await b.send('Fill', { jar: 'of-a', amount: 40 });
  expect([here.revision, there.revision]).toEqual([0, 1]);
  expect(there).toMatchObject({ stream: 'jar-of-a', replayed: false, events: [{ type: 'Filled', actor: 'admin' }] });
  expect(b.bus.counts.forwarded).toBe(1);
  await fails('jar.full', b.send('Fill', { jar: 'of-a', amount: 1 }));
  await fails('jar.full', a.send('Fill', { jar: 'of-a', amount: 1 }));
  expect(await b.send('Fill', { jar: 'of-a', amount: 0 })).toMatchObject({ events: [], revision: 1 });
});

test('what is wrong with a request is refused where it is sent', async () => {
  await fails('command.unknown', b.send('Smash', {}));
  await fails('request.invalid', b.send('Fill', { jar: 'of-a' }));
  await fails('stream.revision-mismatch', b.send('Fill', { jar: 'of-a', amount: 1 }, at(5)));
  await b.send('Fill', { jar: 'of-a', amount: 1 }, at(-1));
  expect(b.bus.counts.forwarded).toBe(2);
});

const at = (revision: number) => ({ expected: { revision, as: 'precondition' } as const });

test('a key is one effect on all members', async () => {
  const keyed = { idempotencyKey: 'k' };
  const first = await b.send('Fill', { jar: 'of-a', amount: 5 }, keyed);
  const again = await a.send('Fill', { jar: 'of-a', amount: 5 }, keyed);
  expect(again).toEqual({ ...first, replayed: true });
  await fails('command.key-reused', b.send('Fill', { jar: 'of-a', amount: 6 }, keyed));
});

test('a member that becomes the owner while it looks a key up does not miss what the former one wrote', async () => {
  let owner: 'here' | 'moving' = 'moving';
  const next = await members.join('http://next', { ownerOf: () => owner });
  const keyed = { type: 'Fill', data: { jar: 'of-a', amount: 5 }, idempotencyKey: 'k', expected: null } as const;
  vi.spyOn(members.log, 'keyed').mockImplementationOnce(async () => {
    await a.send('Fill', { jar: 'of-a', amount: 5 }, { idempotencyKey: 'k' });
    owner = 'here';
    return [];
  });
  const caller = { role: 'admin', account: null, actor: 'admin' } as const;
  await fails('partition.moving', next.local.handle({ ...keyed, caller }));
  vi.restoreAllMocks();
  await a.send('Fill', { jar: 'of-a', amount: 5 }, { idempotencyKey: 'k' });
  expect(await members.eventsOf('jar-of-a')).toHaveLength(1);
});

test('what the server makes is made once, and secrets pass to who asked', async () => {
  for (let tries = 0; tries < 8; tries += 1) {
    const cut = await b.send('CutKey', {});
    expect(cut.stream).toBe(`key-${cut.made.key}`);
    expect(cut.made.secret).toMatch(/^strata_/);
  }
});

test('commands on one stream keep their order, and those of one turn go together', async () => {
  let posts = 0;
  a.onPost = async (post) => {
    posts += 1;
    return { ok: true, body: await post() };
  };
  const sent = Array.from({ length: 50 }, (_, amount) => b.send('Fill', { jar: 'of-a', amount: amount % 2 }));
  await Promise.all(sent);
  expect(posts).toBe(1);
  const more = Array.from({ length: 20 }, (_, each) => b.send('Shake', { jar: `${each} of-a` }));
  await Promise.all([...more, ...sent]);
  expect((await members.eventsOf('jar-of-a')).map(({ revision }) => revision)).toEqual([...Array(25).keys()]);
});

test('while a partition moves its commands wait, in order', async () => {
  members.owners = ['moving', 'http://b'];
  const sent = [1, 2, 3].map((amount) => b.send('Fill', { jar: 'of-a', amount }));
  await b.send('Fill', { jar: 'of-b', amount: 1 });
  members.owners = ['http://b', 'http://b'];
  await Promise.all(sent);
  expect((await members.eventsOf('jar-of-a')).map(({ data }) => data.amount)).toEqual([1, 2, 3]);
});

test('a partition that nobody owns in time is a refusal that is safe to retry', async () => {
  members.owners = ['moving', 'http://b'];
  await expect(a.send('Fill', { jar: 'of-a', amount: 1 })).rejects.toMatchObject({
    code: 'partition.moving',
    status: 503,
    retryAfterSeconds: 1,
  });
  expect(await members.eventsOf('jar-of-a')).toEqual([]);
});

test('a new owner decides on what the former one wrote', async () => {
  await b.send('Fill', { jar: 'b', amount: 50 });
  await a.send('Fill', { jar: 'b', amount: 30 });
  members.owners = ['http://a', 'http://a'];
  await a.send('Fill', { jar: 'b', amount: 15 });
  members.owners = ['http://a', 'http://b'];
  await fails('jar.full', b.send('Fill', { jar: 'b', amount: 6 }));
  await b.send('Fill', { jar: 'b', amount: 5 });
});

test('a member that was an owner refuses nothing on what it knew', async () => {
  const stale = await members.join('http://stale', { ownerOf: () => 'moving' });
  const request = { type: 'Fill', data: { jar: 'b', amount: 999 }, idempotencyKey: null, expected: null };
  const caller = { role: 'admin', account: null, actor: 'admin' } as const;
  await fails('partition.moving', stale.local.handle({ ...request, caller }));
});

test('a member that cannot be reached did nothing: its commands go to the next owner', async () => {
  members.owners = ['http://gone', 'http://b'];
  const sent = b.send('Fill', { jar: 'of-a', amount: 1 });
  await expect.poll(() => b.reports.length).toBeGreaterThan(0);
  members.owners = ['http://b', 'http://b'];
  await sent;
  expect(await members.eventsOf('jar-of-a')).toHaveLength(1);
});

test('a member that is lost before it answers leaves the outcome open, unless there is a key', async () => {
  a.onPost = async (post) => {
    await post();
    return { ok: false, reached: true, why: 'reset' };
  };
  await expect(b.send('Fill', { jar: 'of-a', amount: 1 })).rejects.toMatchObject({
    code: 'command.outcome-unknown',
    status: 504,
  });
  a.onPost = async (post) => {
    await post();
    members.owners = ['http://b', 'http://b'];
    return { ok: false, reached: true, why: 'reset' };
  };
  const keyed = await b.send('Fill', { jar: 'of-a', amount: 2 }, { idempotencyKey: 'k' });
  expect(keyed).toMatchObject({ replayed: true, events: [{ data: { amount: 2 } }] });
  expect((await members.eventsOf('jar-of-a')).map(({ data }) => data.amount)).toEqual([1, 2]);
});

test('where everybody writes everything, nothing is decided on what another made stale', async () => {
  members.owners = null;
  const sent = Array.from({ length: 300 }, (_, each) =>
    (each % 2 === 0 ? a : b).send('Fill', { jar: 'x', amount: 1 }).then(
      () => 1,
      (error) => {
        expect(error.code).toBe('jar.full');
        return 0;
      },
    ),
  );
  const filled = (await Promise.all(sent)).reduce<number>((sum, amount) => sum + amount, 0);
  expect(filled).toBe(100);
  const events = await members.eventsOf('jar-x');
  expect(events.map(({ data }) => data.held)).toEqual([...Array(100).keys()]);
});

test('a command is decided on all that its caller has seen', async () => {
  const { position } = await a.send('Fill', { jar: 'of-a', amount: 1 });
  const ahead = b.send('Fill', { jar: 'of-b', amount: 1 }, { after: Number(position) + 1 });
  await a.send('Fill', { jar: 'of-a', amount: 1 });
  expect(Number((await ahead).position)).toBe(Number(position) + 2);
});
