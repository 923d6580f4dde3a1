import { afterAll, beforeAll, expect, test } from 'vitest';
import { addPhoto } from './photo-fixture.ts';
import { type Answered, ServerFixture } from './server-fixture.ts';

const strata = new ServerFixture();
let acme: { Authorization: string };
let photo: string;

beforeAll(async () => {
  await strata.start();
  for (const account of ['acme', 'other']) await strata.call('POST', '/v1/accounts', { account });
  acme = { Authorization: `Bearer ${await strata.keyOf('acme')}` };
  await strata.call('PUT', '/v1/boards/wall', { width: 300, height: 300 });
  photo = (await addPhoto(strata, 'asked')).photo;
});
afterAll(() => strata.stop());

type Command = { readonly type: string; readonly data: object; readonly at?: string };

async function ask(commands: readonly Command[], rest: object = {}): Promise<Answered> {
  return (await strata.call('POST', '/v1/whatif', { commands, ...rest })).body;
}

async function head(): Promise<string> {
  return (await strata.call('GET', '/readyz')).body.head;
}

/** What of a result is the same when the commands are sent. */
function told(result: Answered): object {
  if (result.code !== undefined) return { code: result.code, detail: result.detail };
  const { stream, revision, events } = result;
  return { stream, revision, events: events.map(({ type, data, revision }: Answered) => ({ type, data, revision })) };
}

function withoutPosition({ position: _position, ...item }: Answered): object {
  return item;
}

test('what would happen is what then happens', async () => {
  const commands = [
    { type: 'GrantCredits', data: { account: 'acme', amount: 100 } },
    { type: 'PlaceHold', data: { account: 'acme', hold: 'one', amount: 30, ttlSeconds: 3600 } },
    { type: 'SettleHold', data: { account: 'acme', hold: 'one', amount: 10 } },
    { type: 'DebitCredits', data: { account: 'acme', amount: 200, operation: 'upload' } },
    { type: 'EditPhoto', data: { photo, set: { title: 'Alps', rating: 5 }, addTags: ['snow'] } },
    { type: 'EditPhoto', data: { photo, set: { rating: 4 }, removeTags: ['snow'] } },
    { type: 'TrashPhoto', data: { photo } },
    { type: 'OpenAccount', data: { account: 'third', contact: 'third@example.org' } },
    { type: 'CreateDapp', data: { dapp: 'shop', account: 'third', title: 'Shop' } },
    { type: 'CreateDapp', data: { dapp: 'shop', account: 'third' } },
    { type: 'PlacePixel', data: { board: 'wall', x: 299, y: 0, color: 3 } },
    { type: 'PlacePixel', data: { board: 'wall', x: 300, y: 0, color: 3 } },
  ];
  const before = await head();
  const from = { position: '' };
  const diffs: { [named: string]: object[] } = {};
  let results: Answered[] = [];
  for (const named of ['accounts', 'photos', 'dapps', 'boards/wall']) {
    const asked = await ask(commands, { diff: { in: named } });
    results = asked.results;
    from.position = asked.position;
    for (const item of asked.diff.items) expect(item.position).toBeNull();
    diffs[named] = asked.diff.items.map(withoutPosition);
  }
  expect(results.map(({ code }) => code ?? null)).toEqual([
    ...[null, null, null, 'credits.insufficient', null, null, null, null, null, 'dapp.exists', null],
    'board.outside',
  ]);
  expect(await head()).toBe(before);
  expect((await strata.read('/v1/accounts/third')).status).toBe(404);

  const sent: Answered[] = [];
  for (const command of commands) sent.push((await strata.call('POST', '/v1/commands', command)).body);
  const made = sent[0].grant;
  const asSent = JSON.parse(JSON.stringify(results).replaceAll(results[0].events[0].data.grant, made));
  const untimed = (all: Answered[]) =>
    JSON.parse(JSON.stringify(all.map(told)).replace(/"expiresAt":"[^"]*"/g, '"expiresAt":"then"'));
  expect(untimed(asSent)).toEqual(untimed(sent));
  const to = sent.at(-2).position;
  for (const [named, items] of Object.entries(diffs)) {
    const happened = await strata.read(`/v1/diff?in=${named}&from=${from.position}&to=${to}`, to);
    const wanted = happened.body.items.map(withoutPosition);
    const timeless = (all: object[]) =>
      JSON.parse(JSON.stringify(all).replace(/"createdAt":"[^"]*"/g, '"createdAt":"then"'));
    expect(timeless(items), named).toEqual(timeless(wanted));
  }
});

test('a past state, and another time', async () => {
  const opened = await strata.call('POST', '/v1/accounts', { account: 'past' });
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
  await strata.call('POST', '/v1/accounts/past/grants', { amount: 50, expiresAt });
  const debit = { type: 'DebitCredits', data: { account: 'past', amount: 20, operation: 'pin' } };

  const now = await ask([debit], { diff: { in: 'accounts' } });
  expect(now.diff.items).toMatchObject([{ key: 'past', change: 'changed', after: { available: 30, spent: 20 } }]);
  const then = await ask([debit], { asOf: opened.body.position });
  expect(then).toMatchObject({
    position: opened.body.position,
    results: [{ code: 'credits.insufficient' }],
    diff: null,
  });

  const later = await ask([{ ...debit, at: new Date(Date.parse(expiresAt) + 1).toISOString() }], {
    diff: { in: 'accounts' },
  });
  expect(later.results).toMatchObject([{ code: 'credits.insufficient' }]);
  const due = await ask([{ type: 'ExpireDue', data: { account: 'past' }, at: expiresAt }]);
  expect(due.results).toMatchObject([
    { events: [{ id: null, position: null, type: 'GrantExpired', recordedAt: expiresAt }] },
  ]);
});

test('personal fields are shown open, and no subject gets a key', async () => {
  const account = 'nobody';
  const asked = await ask([{ type: 'OpenAccount', data: { account, contact: 'nobody@example.org' } }]);
  expect(asked.results[0].events[0].data.contact).toBe('nobody@example.org');
});

test('what is refused as a whole', async () => {
  const none = { type: 'TrashPhoto', data: { photo } };
  const refusals = [
    [{ commands: [none] }, acme, 403, 'auth.forbidden'],
    [{}, {}, 400, 'request.invalid'],
    [{ commands: Array.from({ length: 1_001 }, () => none) }, {}, 400, 'request.invalid'],
    [{ commands: [none], asOf: '999999' }, {}, 400, 'history.future-position'],
    [{ commands: [none], diff: { in: 'nothing' } }, {}, 400, 'history.unknown-items'],
    [{ commands: [none], diff: { in: 'boards/none' } }, {}, 404, 'board.unknown'],
  ] as const;
  for (const [body, headers, status, code] of refusals) {
    const answer = await strata.call('POST', '/v1/whatif', body, headers);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  }
  const each = await ask([
    { type: 'Nothing', data: {} },
    { type: 'RevertAlbum', data: { album: 'any', library: 'acme', to: '1', title: null, photos: [] } },
    { type: 'TrashPhoto', data: {} },
  ]);
  expect(each.results.map(({ code }: Answered) => code)).toEqual([
    'command.unknown',
    'auth.forbidden',
    'request.invalid',
  ]);
});

test('what was erased has no past to decide on', async () => {
  const gone = await addPhoto(strata, 'gone');
  const edit = { type: 'EditPhoto', data: { photo: gone.photo, set: { rating: 1 } } };
  const then = await ask([edit], { asOf: gone.position });
  expect(then.results[0].events).toHaveLength(1);
  const erasing = await ask([{ type: 'ErasePhoto', data: { photo: gone.photo } }, edit], { diff: { in: 'photos' } });
  expect(erasing).toMatchObject({
    results: [{ events: [{ type: 'PhotoErased' }] }, { code: 'history.erased', status: 410 }],
    diff: { items: [{ key: gone.photo, change: 'removed', before: null, after: null }] },
  });
  expect((await strata.read(`/v1/photos/${gone.photo}`)).status).toBe(200);

  const erased = await strata.call('POST', `/v1/photos/${gone.photo}/erase`);
  await strata.read(`/v1/photos/${photo}`, erased.body.position);
  expect((await ask([edit])).results).toMatchObject([{ code: 'history.erased' }]);
  expect((await ask([edit], { asOf: gone.position })).code).toBe('history.erased');
  const back = await strata.call('POST', `/v1/photos/${gone.photo}/revert`, { to: gone.position });
  expect([back.status, back.body.code]).toEqual([410, 'history.erased']);
});
