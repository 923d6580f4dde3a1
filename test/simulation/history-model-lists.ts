import type { ModelDocument } from './history-model.ts';
import { ACCOUNTS, LIBRARIES, TAGS, TIMES } from './history-model-commands.ts';
import type { ShownItem } from './history-model-items.ts';
import { itemsNamed, ModelPosition, type Query } from './history-model-position.ts';
import type { HistoryStage } from './history-model-stage.ts';
import type { Random } from './random.ts';

const PHOTO_LISTS = 10;

type PhotosAsked = {
  readonly account?: string;
  readonly album?: string;
  readonly tag?: string;
  readonly takenAfter?: string;
  readonly takenBefore?: string;
  readonly trashed?: string;
};

/** Every list at a position, page by page, against sorted copies. */
export async function expectLists(at: ModelPosition): Promise<void> {
  for (let list = 0; list < PHOTO_LISTS; list += 1) {
    const asked = somePhotos(at);
    at.expect(await at.pages('/v1/photos', asked as Query), photosOf(at, asked), `photos ${JSON.stringify(asked)}`);
  }
  for (const name of ['accounts', 'dapps', 'refs'] as const) {
    const items = at.model.keys(name, at.offset).map((key) => at.item(itemsNamed(name), key));
    at.expect(await at.pages(`/v1/${name}`), { code: null, items }, name);
  }
  for (const library of LIBRARIES) {
    const albums = at.model.all('albums', at.offset).filter((album) => album.library === library);
    const items = albums.sort(byField('createdAt', 'album'));
    at.expect(await at.pages('/v1/albums', { account: library }), { code: null, items }, `albums of ${library}`);
  }
  for (const dapp of at.model.keys('dapps', at.offset)) await expectDeploys(at, dapp);
  for (const account of ACCOUNTS) await expectStatement(at, account);
}

/** A list of now stays that of its first page's position, whatever comes between its pages. */
export async function expectPinnedList(
  stage: HistoryStage,
  random: Random,
  goOn: () => Promise<unknown>,
): Promise<void> {
  const at = new ModelPosition(stage, random, stage.model.head);
  const asked: PhotosAsked = { account: 'acme', ...(random.chance(0.5) && { trashed: 'true' }) };
  const told = await at.pages('/v1/photos', asked as Query, async (path, query = {}) => {
    const headers = { 'strata-min-position': stage.printing.position(at.offset) };
    const page = await stage.call('GET', `${path}?${new URLSearchParams(query)}`, undefined, headers);
    if (query.cursor === undefined) at.expect(page.position, stage.printing.position(at.offset), 'the first page');
    await goOn();
    return page;
  });
  // What was told before it was erased was told rightly, and is at no position any more.
  const isErased = (item: unknown) => at.model.erased.has(`photos/${(item as { photo: string }).photo}`);
  const items = told.items.filter((item) => !isErased(item));
  at.expect({ ...told, items }, photosOf(at, asked), 'photos of now');
}

function somePhotos({ model, random }: ModelPosition): PhotosAsked {
  const albums = model.everyKey('albums');
  const tag = random.pick([null, null, null, ...TAGS]);
  const takenAfter = random.pick([null, null, ...TIMES]);
  const takenBefore = random.pick([null, null, ...TIMES]);
  return {
    ...(random.chance(0.5) && albums.length > 0
      ? { album: random.pick(albums) }
      : { account: random.pick(['acme', 'acme', ...LIBRARIES]) }),
    ...(tag !== null && { tag }),
    ...(takenAfter !== null && { takenAfter }),
    ...(takenBefore !== null && { takenBefore }),
    ...(random.chance(0.5) && { trashed: random.pick(['true', 'false']) }),
  };
}

function photosOf(
  at: ModelPosition,
  { account, album, tag, takenAfter, takenBefore, trashed }: PhotosAsked,
): { readonly code: string | null; readonly items: readonly (ShownItem | null)[] } {
  const { model, offset } = at;
  if (album !== undefined && model.text('albums', album, offset) === null) return { code: 'album.unknown', items: [] };
  const photos = model.all('photos', offset).filter((photo) => {
    const takenAt = photo.takenAt as string | null;
    return (
      (account === undefined || photo.library === account) &&
      (album === undefined || albumsOf(at, photo).includes(album)) &&
      (tag === undefined || (photo.tags as string[]).includes(tag)) &&
      (trashed === 'true' || photo.trashed === false) &&
      (takenAfter === undefined || (takenAt !== null && takenAt > takenAfter)) &&
      (takenBefore === undefined || (takenAt !== null && takenAt < takenBefore))
    );
  });
  const items = photos.sort(byTime).map(({ photo }) => at.item(itemsNamed('photos'), String(photo)));
  return { code: null, items };
}

function albumsOf({ model, offset }: ModelPosition, { photo }: ModelDocument): readonly string[] {
  const member = model.document('album-photos', String(photo), offset);
  return (member?.albums as string[] | undefined) ?? [];
}

async function expectDeploys(at: ModelPosition, dapp: string): Promise<void> {
  const { published } = at.model.document('dapps', dapp, at.offset)!;
  const deploys = at.model.all('deploys', at.offset).filter((deploy) => deploy.dapp === dapp);
  const items = deploys.sort(byField('deployedAt', 'deploy')).map(({ dapp, ...deploy }) => {
    // A DNS label has 63 characters at most.
    const label = `${String(deploy.deploy).slice(0, 61 - String(dapp).length)}--${dapp}`;
    return { ...deploy, published: deploy.deploy === published, url: at.stage.printing.dappUrl(label) };
  });
  at.expect(await at.pages(`/v1/dapps/${dapp}/deploys`), { code: null, items }, `deploys of ${dapp}`);
}

async function expectStatement(at: ModelPosition, account: string): Promise<void> {
  const { model, offset } = at;
  const order = at.random.pick(['oldest', 'newest']);
  const told = await at.pages(`/v1/accounts/${account}/entries`, { order });
  if (model.text('accounts', account, offset) === null) {
    const code = at.absent(itemsNamed('accounts'), account);
    return at.expect(told, { code, items: [] }, `entries of ${account}`);
  }
  const keys = model.keys('entries', offset).filter((key) => key.startsWith(`${account}/`));
  const items = keys.map((key) => {
    const { offset: entered, ...entry } = model.document('entries', key, offset)!;
    return { ...entry, position: at.stage.printing.position(Number(entered)) };
  });
  if (order === 'newest') items.reverse();
  at.expect(told, { code: null, items }, `entries of ${account}`);
}

/** Photos of unknown time first. */
function byTime(a: ModelDocument, b: ModelDocument): number {
  const order = (photo: ModelDocument) => [photo.takenAt ?? '', photo.addedAt, photo.photo].join('\n');
  return order(a) < order(b) ? -1 : 1;
}

function byField(field: string, key: string) {
  const order = (document: ModelDocument) => [document[field], document[key]].join('\n');
  return (a: ModelDocument, b: ModelDocument) => (order(a) < order(b) ? -1 : 1);
}
