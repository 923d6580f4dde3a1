import { createPatch } from 'rfc6902';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ZipFile } from 'yazl';
import { ADMIN_KEY, type Answered, type ServerFixture } from '../integration/server-fixture.ts';

/** Reading the past over HTTP, on whatever engines the server runs. */
export function historySuite(strata: ServerFixture): void {
  let acme = '';
  let zeta = '';
  /** Positions by name, as the story below came to them. */
  const at: { [name: string]: string } = {};
  const photos: string[] = [];

  const as = (key: string) => ({ Authorization: `Bearer ${key}` });
  const NOBODY = { Authorization: '' };

  async function done(method: string, path: string, body?: unknown, headers = {}): Promise<Answered> {
    const answer = await strata.call(method, path, body, headers);
    expect([200, 201], JSON.stringify(answer.body)).toContain(answer.status);
    return answer.body;
  }

  /** A read that sees all that was answered so far. */
  async function read(path: string, headers: Record<string, string> = {}): Promise<Answered> {
    const answer = await strata.read(path, at.last, headers);
    expect(answer.status, JSON.stringify(answer.body)).toBe(200);
    return answer.body;
  }

  async function siteZip(): Promise<Buffer> {
    const zip = new ZipFile();
    zip.addBuffer(Buffer.from('<p>here</p>'), 'index.html');
    zip.end();
    return Buffer.concat((await Array.fromAsync(zip.outputStream)) as Buffer[]);
  }

  async function addPhoto(red: number): Promise<void> {
    const picture = sharp({ create: { width: 8, height: 8, channels: 3, background: { r: red, g: 9, b: 3 } } });
    const answer = await strata.call('POST', '/v1/photos', await picture.png().toBuffer(), {
      'Content-Type': 'image/png',
      ...as(acme),
    });
    expect(answer.status).toBe(201);
    photos.push(answer.body.photo);
  }

  const RED = [10, 20, 30, 40, 50];

  beforeAll(async () => {
    await strata.start();
    for (const account of ['acme', 'zeta']) await done('POST', '/v1/accounts', { account });
    acme = await strata.keyOf('acme');
    zeta = await strata.keyOf('zeta');
    at.opened = (await done('POST', '/v1/accounts/acme/grants', { amount: 100 })).position;
    for (const red of RED) await addPhoto(red);
    for (const [index, photo] of photos.entries()) {
      const takenAt = `2019-07-1${index}T10:00:00.000Z`;
      const edited = await done('PATCH', `/v1/photos/${photo}`, {
        set: { takenAt, title: `Peak ${index}` },
        addTags: ['alps'],
      });
      at.tagged = edited.position;
    }
    await done('PATCH', `/v1/photos/${photos[0]}`, { set: { title: 'Summit' }, addTags: ['summit'] });
    await done('PATCH', `/v1/photos/${photos[1]}`, { removeTags: ['alps'] });
    await done('DELETE', `/v1/photos/${photos[2]}`);
    await done('PUT', '/v1/dapps/site', { account: 'acme', title: 'Site' });
    at.last = (await done('POST', '/v1/accounts/acme/debits', { operation: 'upload', amount: 30 })).position;
  }, 60_000);
  afterAll(() => strata.stop());

  describe('asOf', () => {
    test('takes a position, a time, a duration back and a ref, on items, lists and counts', async () => {
      await done('PUT', '/v1/refs/tagged', { position: at.tagged });
      const [event] = (await read(`/v1/events?after=${Number(at.tagged) - 1}&limit=1`)).items;
      for (const asOf of [at.tagged!, event.recordedAt, 'refs/tagged']) {
        const query = `asOf=${encodeURIComponent(asOf)}`;
        expect(await read(`/v1/photos/${photos[0]}?${query}`)).toMatchObject({ title: 'Peak 0', tags: ['alps'] });
        expect((await read(`/v1/photos?account=acme&tag=alps&${query}`)).items).toHaveLength(5);
        expect(await read(`/v1/counts?in=photos&account=acme&${query}`)).toEqual({
          in: 'photos',
          account: 'acme',
          count: 5,
        });
        expect(await read(`/v1/accounts/acme?${query}`)).toMatchObject({ available: 100, spent: 0 });
      }
      expect((await strata.read(`/v1/photos/${photos[0]}?asOf=-PT10M`)).body.code).toBe('photo.unknown');
      expect(await read(`/v1/accounts/acme?asOf=-PT0S`)).toMatchObject({ available: 70 });
      expect(await read('/v1/counts?in=photos')).toEqual({ in: 'photos', account: null, count: 4 });
    });

    test.each([
      ['1000000', 400, 'history.future-position'],
      ['e9.1', 409, 'position.other-epoch'],
      ['refs/nowhere', 404, 'ref.unknown'],
      ['yesterday', 400, 'position.malformed'],
      ['-P', 400, 'position.malformed'],
    ])('refuses %s', async (asOf, status, code) => {
      const answer = await strata.read(`/v1/accounts/acme?asOf=${asOf}`);
      expect([answer.status, answer.body.code]).toEqual([status, code]);
    });

    test('pages a filtered list of then, whatever happens meanwhile', async () => {
      const query = `/v1/photos?account=acme&tag=alps&takenBefore=2020-01-01T00:00:00Z&limit=2&asOf=${at.tagged}`;
      const seen: string[] = [];
      for (let cursor: string | null = null, pages = 0; pages === 0 || cursor !== null; pages += 1) {
        const page: Answered = await read(query + (cursor === null ? '' : `&cursor=${cursor}`));
        seen.push(...page.items.map(({ photo }: Answered) => photo));
        cursor = page.next;
      }
      expect(seen).toEqual(photos);
      expect((await read('/v1/photos?account=acme&tag=alps')).items.map(({ photo }: Answered) => photo)).toEqual([
        photos[0],
        ...photos.slice(3),
      ]);
    });

    test('later pages tell the position of page 1, and are of no other', async () => {
      const path = '/v1/photos?account=acme&tag=alps&limit=1';
      const { next } = await read(`${path}&asOf=${at.tagged}`);
      const second = await strata.read(`${path}&asOf=refs/tagged&cursor=${next}`, at.last);
      expect(second.headers.get('strata-position')).toBe(at.tagged);
      expect((await strata.read(`${path}&cursor=${next}`, at.last)).headers.get('strata-position')).toBe(at.tagged);
      const other = await strata.read(`${path}&asOf=${at.last}&cursor=${next}`, at.last);
      expect([other.status, other.body.code]).toEqual([400, 'history.cursor']);
    });

    test('says which position a time or a ref was, and lets nobody keep it', async () => {
      const byRef = await strata.read(`/v1/photos/${photos[0]}?asOf=refs/tagged`, at.last);
      expect(byRef.headers.get('cache-control')).toBe('private, no-cache');
      expect(byRef.headers.get('content-location')).toBe(`/v1/photos/${photos[0]}?asOf=${at.tagged}`);
      expect(byRef.headers.get('strata-position')).toBe(at.tagged);
      const tag = byRef.headers.get('etag')!;
      const again = await strata.read(`/v1/photos/${photos[0]}?asOf=refs/tagged`, at.last, { 'If-None-Match': tag });
      expect(again.status).toBe(304);
    });

    test('who may see what is decided as of now', async () => {
      const path = `/v1/photos/${photos[0]}?asOf=${at.tagged}`;
      expect((await strata.read(path, at.last, as(acme))).status).toBe(200);
      expect((await strata.read(path, at.last, as(zeta))).status).toBe(404);
      expect((await strata.read(path, at.last, NOBODY)).status).toBe(401);
    });
  });

  test('a dapp that is public no longer is not public in the past', async () => {
    await done('PUT', '/v1/dapps/shown', { account: 'acme' });
    const deploy = await strata.call('POST', '/v1/dapps/shown/deploys', await siteZip(), {
      'Content-Type': 'application/zip',
    });
    const { position } = deploy.body;
    const path = `/v1/dapps/shown?asOf=${position}`;
    const listed = async () => (await strata.read(`/v1/dapps?asOf=${position}`, position, NOBODY)).body.items;
    expect((await strata.read(path, position, NOBODY)).body).toMatchObject({ state: 'published' });
    expect(await listed()).toHaveLength(1);
    const deleted = await done('DELETE', '/v1/dapps/shown');
    expect((await strata.read(path, deleted.position, NOBODY)).body.code).toBe('dapp.unknown');
    expect(await listed()).toEqual([]);
    expect((await strata.read(path, deleted.position, as(acme))).body).toMatchObject({ state: 'published' });
    const history = await strata.read('/v1/dapps/shown/history', deleted.position, as(acme));
    expect(history.body.items.map(({ type, changed }: Answered) => [type, changed])).toEqual([
      ['DappDeleted', ['published', 'state']],
      ['DeployPublished', ['published', 'state']],
      ['DappCreated', expect.arrayContaining(['dapp', 'title'])],
    ]);
  });

  describe('history', () => {
    test('tells of each version who, when, by what, and what it changed', async () => {
      const { items, next } = await read(`/v1/photos/${photos[0]}/history`);
      expect(next).toBeNull();
      expect(items.map(({ type, changed, revision }: Answered) => ({ type, changed, revision }))).toEqual([
        { type: 'PhotoEdited', changed: ['tags', 'title'], revision: 2 },
        { type: 'PhotoEdited', changed: ['tags', 'takenAt', 'title'], revision: 1 },
        { type: 'PhotoAdded', changed: expect.arrayContaining(['photo', 'sha256']), revision: 0 },
      ]);
      expect(items[0]).toMatchObject({ actor: 'admin', value: { title: 'Summit', tags: ['alps', 'summit'] } });
      expect(items[2]).toMatchObject({ actor: 'account:acme', value: { title: null } });
      expect(items[1].value).toEqual(await read(`/v1/photos/${photos[0]}?asOf=${items[1].position}`));
    });

    test('pages, and can be read of then', async () => {
      const path = '/v1/accounts/acme/history';
      const whole = await read(path, as(acme));
      const first = await read(`${path}?limit=1`, as(acme));
      const second = await read(`${path}?limit=1&cursor=${first.next}`, as(acme));
      expect([...first.items, ...second.items]).toEqual(whole.items.slice(0, 2));
      expect(whole.items.map(({ changed }: Answered) => changed).slice(0, 2)).toEqual([
        ['available', 'spent'],
        ['available', 'granted'],
      ]);
      expect((await read(`${path}?asOf=${at.opened}`)).items).toEqual(whole.items.slice(1));
      expect((await strata.read(path, at.last, as(zeta))).body.code).toBe('account.unknown');
      expect((await strata.read('/v1/dapps/site/history', at.last, NOBODY)).status).toBe(401);
    });
  });

  describe('diff', () => {
    const whole = () => read(`/v1/diff?in=photos&from=${at.tagged}&to=${at.last}`);

    test('gives what changed, with a patch from before to after', async () => {
      const { items, next, from, to } = await whole();
      expect({ from, to, next }).toEqual({ from: at.tagged, to: at.last, next: null });
      expect(items.map(({ key, change }: Answered) => `${change} ${key}`).sort()).toEqual(
        photos
          .slice(0, 3)
          .map((photo) => `changed ${photo}`)
          .sort(),
      );
      for (const { key, before, after, patch, position } of items) {
        expect(before).toEqual(await read(`/v1/photos/${key}?asOf=${at.tagged}`));
        expect(after).toEqual(await read(`/v1/photos/${key}?asOf=${position}`));
        expect(patch).toEqual(createPatch(before, after));
      }
      expect(items.find(({ key }: Answered) => key === photos[2]).patch).toEqual([
        { op: 'replace', path: '/trashed', value: true },
      ]);
    });

    test('pages, lines and the summary agree', async () => {
      for (const [items, from] of [
        ['photos', at.tagged],
        ['photos', '0'],
        ['accounts', '0'],
        ['dapps', '0'],
        ['refs', '0'],
      ]) {
        const path = `/v1/diff?in=${items}&from=${from}&to=${at.last}`;
        const all = (await read(path)).items;
        const paged: Answered[] = [];
        for (let cursor: string | null = null, pages = 0; pages === 0 || cursor !== null; pages += 1) {
          const page: Answered = await read(`${path}&limit=2${cursor === null ? '' : `&cursor=${cursor}`}`);
          paged.push(...page.items);
          cursor = page.next;
        }
        expect(paged).toEqual(all);
        const headers = { Authorization: `Bearer ${ADMIN_KEY}`, Accept: 'application/x-ndjson' };
        const linesOf = async (address: string) => {
          const response = await fetch(strata.url + address, { headers });
          expect(response.headers.get('vary')).toBe('Accept');
          return (await response.text())
            .split('\n')
            .filter(Boolean)
            .map((line) => JSON.parse(line));
        };
        expect(await linesOf(path)).toEqual(all);
        const { next } = await read(`${path}&limit=1`);
        if (next !== null) expect(await linesOf(`${path}&cursor=${next}`)).toEqual(all.slice(1));
        const count = (change: string) => all.filter((item: Answered) => item.change === change).length;
        expect(await read(`${path}&summary=true`)).toEqual({
          in: items,
          from,
          to: at.last,
          added: count('added'),
          removed: count('removed'),
          changed: count('changed'),
        });
        const keys = await read(`${path}&documents=false`);
        expect(keys.items).toEqual(all.map(({ key, change, position }: Answered) => ({ key, change, position })));
      }
    });

    test('narrows by prefix and account, and shows an account its own alone', async () => {
      const prefix = photos[0]!.slice(0, 8);
      const one = await read(`/v1/diff?in=photos&from=0&prefix=${prefix}`);
      expect(one.items.map(({ key }: Answered) => key)).toEqual([photos[0]]);
      const of = async (path: string, headers = {}) =>
        (await read(path, headers)).items.map(({ key }: Answered) => key).sort();
      expect(await of('/v1/diff?in=photos&from=0', as(acme))).toEqual([...photos].sort());
      expect(await of('/v1/diff?in=photos&from=0', as(zeta))).toEqual([]);
      expect(await of('/v1/diff?in=accounts&from=0', as(zeta))).toEqual(['zeta']);
      expect(await of('/v1/diff?in=accounts&from=0&account=acme')).toEqual(['acme']);
      expect(await read('/v1/diff?in=photos&from=0&summary=true', as(zeta))).toMatchObject({ added: 0 });
    });

    test.each([
      ['in=photos&from=5&to=3', ADMIN_KEY, 'history.range'],
      ['in=pictures&from=0', ADMIN_KEY, 'history.unknown-items'],
      ['in=stars/x&from=0', ADMIN_KEY, 'history.unknown-items'],
      ['in=photos', ADMIN_KEY, 'request.invalid'],
      ['in=photos&from=0&format=png', ADMIN_KEY, 'request.invalid'],
      ['in=photos&from=refs/none', ADMIN_KEY, 'ref.unknown'],
      ['in=photos&from=0&cursor=abc', ADMIN_KEY, 'history.cursor'],
      ['in=photos&from=0', 'no-such-key', 'auth.unknown-key'],
    ])('refuses %s', async (query, key, code) => {
      expect((await strata.read(`/v1/diff?${query}`, at.last, as(key))).body.code).toBe(code);
    });

    test('needs a key, and names the positions of a range of times', async () => {
      expect((await strata.read('/v1/diff?in=photos&from=0', undefined, NOBODY)).status).toBe(401);
      const answer = await strata.read('/v1/diff?in=accounts&from=-PT1H', at.last);
      expect(answer.headers.get('content-location')).toContain('in=accounts&from=0&to=');
      expect(answer.headers.get('cache-control')).toBe('private, no-cache');
    });
  });

  describe('refs', () => {
    test('are set at the head unless told, moved by compare-and-set, listed and deleted', async () => {
      const created = await strata.call('PUT', '/v1/refs/launch', {});
      expect(created.status).toBe(201);
      const first = created.body.names;
      expect(created.body).toMatchObject({
        ref: 'launch',
        events: [{ type: 'RefSet', data: { ref: 'launch', position: first } }],
      });
      expect(Number(first)).toBe(Number(created.body.position) - 1);
      expect((await strata.read('/v1/refs/launch')).body).toMatchObject({ ref: 'launch', position: first });

      const put = (body: object, headers = {}) => strata.call('PUT', '/v1/refs/launch', body, headers);
      expect((await put({ position: at.opened, expected: null })).body.code).toBe('ref.moved');
      expect((await put({ position: at.opened, expected: '1' })).body.code).toBe('ref.moved');
      expect((await put({ position: at.opened, expected: first })).status).toBe(201);
      expect((await put({ position: first }, { 'If-Match': '"r7"' })).status).toBe(412);
      expect((await put({ position: '999999' })).body.code).toBe('history.future-position');
      expect((await put({ position: 'e5.1' })).body.code).toBe('position.other-epoch');
      expect((await put({ position: 'then' })).body.code).toBe('position.malformed');
      expect((await put({ position: at.opened })).body).toMatchObject({ events: [], names: at.opened });
      expect((await strata.call('PUT', '/v1/refs/No_Name', {})).body.code).toBe('request.invalid');

      const listed = (await strata.read('/v1/refs')).body.items;
      expect(listed.find(({ ref }: Answered) => ref === 'launch')).toMatchObject({ position: at.opened });
      const history = (await strata.read('/v1/refs/launch/history')).body.items;
      expect(history.map(({ value }: Answered) => value.position)).toEqual([at.opened, first]);

      expect((await strata.call('DELETE', '/v1/refs/launch')).status).toBe(200);
      expect((await strata.read('/v1/refs/launch')).body.code).toBe('ref.unknown');
      expect((await strata.read('/v1/refs/launch/history')).body.items[0]).toMatchObject({
        type: 'RefDeleted',
        value: null,
      });
      expect((await strata.call('DELETE', '/v1/refs/launch')).body.code).toBe('ref.unknown');
      expect((await put({ position: first, expected: null })).status).toBe(201);
    });

    test('are the admin’s to set and see, and everyone’s to read by', async () => {
      await done('PUT', '/v1/refs/public', {});
      expect((await strata.call('PUT', '/v1/refs/mine', {}, as(acme))).status).toBe(403);
      expect((await strata.read('/v1/refs', undefined, as(acme))).status).toBe(403);
      expect((await strata.read('/v1/refs/public', undefined, as(acme))).status).toBe(404);
      expect((await strata.read('/v1/dapps?asOf=refs/public', undefined, NOBODY)).status).toBe(200);
    });
  });

  test('the OpenAPI document describes all of it', async () => {
    const { paths } = await read('/v1/openapi.json');
    for (const path of ['/v1/diff', '/v1/counts', '/v1/refs', '/v1/refs/{ref}', '/v1/photos/{photo}/history']) {
      expect(paths[path]?.get, path).toBeDefined();
    }
    expect(paths['/v1/diff'].get.parameters.map(({ name }: Answered) => name)).toEqual(
      expect.arrayContaining(['in', 'from', 'to', 'prefix', 'summary', 'documents', 'cursor', 'limit']),
    );
  });
}
