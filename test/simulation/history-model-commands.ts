import fc from 'fast-check';
import { photoId } from '#commands/photos/photo-id.ts';

/** What stands for something that only a running server knows: an album's id, a key's id, a position. */
export type Late =
  | { readonly late: 'album' | 'key'; readonly at: number }
  /** How far back from the head, in parts of a thousand. */
  | { readonly late: 'position'; readonly back: number };

/** A command, or a revert by its route, whose parameters are fields of the data. */
export type Asked = {
  readonly type: string;
  readonly path: string | null;
  readonly data: { readonly [field: string]: unknown };
};

/** Few, so that commands meet. */
export const ACCOUNTS = ['acme', 'zeta', 'gone'] as const;
export const LIBRARIES = ['default', ...ACCOUNTS] as const;
export const TAGS = ['alps', 'alps/2', 'sea', 'é', '"trashed":true'] as const;
export const TIMES = [
  null,
  '0050-01-01T00:00:00.000Z',
  '2019-06-01T10:00:00.000Z',
  '2024-07-01T10:00:00.123Z',
] as const;
export const DAPPS = ['shop', 'wall', 'wall-2'] as const;
export const REFS = ['launch', 'then'] as const;
/** Wider than a tile, and of more colours than half a byte holds. */
export const BOARDS = { wall: { width: 300, height: 3, colours: 16 }, flags: { width: 5, height: 3, colours: 20 } };
const SHA256S = ['1', '2', '3', '4', '5', '6'].map((digit) => digit.repeat(64));
const DEPLOYS = ['d', 'e'].map((digit) => digit.repeat(64));

const account = oneOf(['acme', 'acme', 'zeta', 'zeta', 'gone']);
const library = oneOf(['acme', 'acme', 'acme', 'default', 'zeta', 'gone']);
const sha256 = oneOf(SHA256S);
const photo = fc.tuple(library, sha256).map(([name, hash]) => photoId(name, hash));
const album = fc.nat({ max: 3 }).map((at): Late => ({ late: 'album', at }));
const to = fc.nat({ max: 1_000 }).map((back): Late => ({ late: 'position', back }));
const title = oneOf(['One', 'Two', 'Ünïcode 🏔 "quoted"', 'x'.repeat(200)]);
const tags = fc.uniqueArray(oneOf(TAGS), { maxLength: 3 });
const amount = fc.integer({ min: 1, max: 60 });
const hold = oneOf(['h1', 'h2', 'h3', 'h4', 'h5', 'h6']);
const dapp = oneOf(DAPPS);
const location = oneOf([null, { latitude: 46.5, longitude: 8 }, { latitude: -1e-7, longitude: 0.1 }]);
const takenAt = oneOf(TIMES);
const IMAGE = { bytes: 1, mediaType: 'image/png', width: 4, height: 3, exif: null, fileName: 'x.png', location: null };
const image = fc.record({
  library,
  sha256,
  takenAt,
  location,
  bytes: fc.nat({ max: 3 }),
  mediaType: fc.constant('image/png'),
  width: fc.constant(4),
  height: fc.constant(3),
  exif: oneOf([null, { Make: 'Leica', ISO: 100 }]),
  fileName: oneOf([null, 'x.png']),
});
const fields = fc.record(
  {
    title: fc.option(title),
    caption: fc.option(title),
    rating: fc.option(fc.integer({ min: 0, max: 5 })),
    takenAt,
    location,
  },
  { requiredKeys: [] },
);
const board = oneOf(Object.keys(BOARDS));
const pixel = fc.record({
  board,
  x: oneOf([0, 1, 4, 255, 256, 299, 300]),
  y: fc.nat({ max: 3 }),
  color: fc.nat({ max: 20 }),
});
const region = fc.record({ x: fc.nat({ max: 299 }), y: fc.nat({ max: 2 }) }, { requiredKeys: [] });

/** Of all domains; some are refused. */
export const command: fc.Arbitrary<Asked> = fc.oneof(
  weighted(1, asking('OpenAccount', { account, contact: oneOf([null, 'someone@example.org']) })),
  weighted(4, asking('GrantCredits', { account, amount, priority: fc.nat({ max: 2 }) })),
  weighted(5, asking('DebitCredits', { account, amount, operation: oneOf(['pin', 'upload']) })),
  weighted(3, asking('PlaceHold', { account, hold, amount, ttlSeconds: fc.constant(86_400) })),
  weighted(2, asking('SettleHold', { account, hold, amount })),
  weighted(2, asking('VoidHold', { account, hold })),
  weighted(1, asking('IssueKey', { account })),
  weighted(1, asking('RevokeKey', { account, key: fc.nat({ max: 3 }).map((at): Late => ({ late: 'key', at })) })),
  weighted(
    9,
    image.map((data) => asked('AddPhoto', data)),
  ),
  weighted(18, asking('EditPhoto', { photo, set: fields, addTags: tags, removeTags: tags })),
  weighted(4, asking('TrashPhoto', { photo })),
  weighted(3, asking('RestorePhoto', { photo })),
  weighted(5, reverting('RevertPhoto', '/v1/photos/{photo}/revert', { photo, to })),
  weighted(1, asking('ErasePhoto', { photo })),
  weighted(3, asking('CreateAlbum', { library, title })),
  weighted(2, asking('RenameAlbum', { album, title })),
  weighted(12, asking('AddToAlbum', { album, photo })),
  weighted(4, asking('RemoveFromAlbum', { album, photo })),
  weighted(1, asking('DeleteAlbum', { album })),
  weighted(5, reverting('RevertAlbum', '/v1/albums/{album}/revert', { album, to })),
  weighted(2, asking('CreateDapp', { dapp, account, title: fc.option(title) })),
  weighted(3, asking('DeployDapp', { dapp, deploy: oneOf(DEPLOYS), files: amount, bytes: amount })),
  weighted(3, asking('PublishDeploy', { dapp, deploy: oneOf(DEPLOYS) })),
  weighted(2, asking('RollbackDapp', { dapp, deploy: oneOf(DEPLOYS) })),
  weighted(1, asking('DeleteDapp', { dapp })),
  weighted(3, reverting('RevertDapp', '/v1/dapps/{dapp}/revert', { dapp, to })),
  weighted(
    1,
    board.map((name) => asked('CreateBoard', boardOf(name as keyof typeof BOARDS))),
  ),
  weighted(
    16,
    pixel.map((data) => asked('PlacePixel', data)),
  ),
  weighted(
    4,
    fc.record({ board, to, region }).map(({ board, to, region }) => ({
      type: 'RevertPixels',
      path: '/v1/boards/{board}/revert',
      data: { board, to, ...region },
    })),
  ),
  weighted(2, asking('SetRef', { ref: oneOf(REFS), position: to })),
  weighted(1, asking('SetRef', { ref: oneOf(REFS) })),
  weighted(1, asking('DeleteRef', { ref: oneOf(REFS) })),
);

/** Rare, because little can be done with an erased account. */
export const erasingAccount: Asked = asked('EraseAccount', { account: 'gone' });

/** What most of the others need, so that few of them are refused. */
export const opening: readonly Asked[] = [
  ...ACCOUNTS.map((account) => asked('OpenAccount', { account, contact: 'someone@example.org' })),
  ...Object.keys(BOARDS).map((name) => asked('CreateBoard', boardOf(name as keyof typeof BOARDS))),
  ...SHA256S.map((hash, at) => asked('AddPhoto', { ...IMAGE, library: 'acme', sha256: hash, takenAt: TIMES[at % 4] })),
  ...['One', 'Two'].map((title) => asked('CreateAlbum', { library: 'acme', title })),
  asked('AddPhoto', { ...IMAGE, library: 'gone', sha256: SHA256S[0], takenAt: null }),
  asked('CreateAlbum', { library: 'gone', title: 'Three' }),
];

export function isRevert({ path }: Asked): boolean {
  return path !== null;
}

function asked(type: string, data: Asked['data']): Asked {
  return { type, path: null, data };
}

function boardOf(board: keyof typeof BOARDS) {
  const { width, height, colours } = BOARDS[board];
  const palette = Array.from({ length: colours }, (_, at) => `#0000${at.toString(16).padStart(2, '0')}`);
  return { board, width, height, palette };
}

function oneOf<const Value>(values: readonly Value[]): fc.Arbitrary<Value> {
  return fc.constantFrom(...values);
}

function asking(type: string, data: { readonly [field: string]: fc.Arbitrary<unknown> }): fc.Arbitrary<Asked> {
  return fc.record(data).map((made) => ({ type, path: null, data: made as Asked['data'] }));
}

function reverting(
  type: string,
  path: string,
  data: { readonly [field: string]: fc.Arbitrary<unknown> },
): fc.Arbitrary<Asked> {
  return asking(type, data).map((asked) => ({ ...asked, path }));
}

function weighted(weight: number, arbitrary: fc.Arbitrary<Asked>): fc.WeightedArbitrary<Asked> {
  return { weight, arbitrary };
}
