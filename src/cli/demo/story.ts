import { problemOf, type StrataClient } from '../client.ts';
import { CliFailure } from '../failure.ts';
import { formatBytes, formatCount } from '../progress.ts';
import { zipFolder } from '../zip-folder.ts';
import { drawBoard } from './draw.ts';
import { LiveFeed } from './live-feed.ts';
import { lookBack } from './look-back.ts';
import type { Narrator } from './narrator.ts';
import type { DemoPhoto } from './photos.ts';

/** What one run of the demo works with. */
export type Story = {
  readonly client: StrataClient;
  readonly narrator: Narrator;
  /** The name of the account, the dapp and the board. */
  readonly name: string;
  readonly photos: readonly DemoPhoto[];
  /** Folder of the dapp. */
  readonly dapp: string;
  /** A data set to draw, and how many rows of it; without one a picture is drawn. */
  readonly place: { readonly file: string; readonly limit: number } | null;
  /** Where pictures of the board go. */
  readonly folder: string;
};

export type Ending = { readonly dappUrl: string; readonly picture: string };

/** What every accepted command is answered with. */
type Answer = { readonly position: string };

/** Enough for 10 GB of photos. */
const GRANT = 1_000_000;
const BYTES_A_CREDIT = 10_000;

/** The whole demo, step by step, on a server that runs. */
export async function tell(story: Story): Promise<Ending> {
  const { client, narrator } = story;
  narrator.step('Listen: one WebSocket, told of every change');
  const feed = await LiveFeed.open(client, narrator);
  try {
    await feed.subscribe('dapps');
    await feed.subscribe('photos');
    narrator.line('subscribed to dapps and photos');
    await openAccount(story, feed);
    const photo = await uploadPhotos(story, feed);
    const dappUrl = await deployDapp(story, feed);
    const drawn = await drawBoard(story, feed);
    await lookBack(story, feed, photo, drawn);
    return { dappUrl, picture: drawn.picture };
  } finally {
    feed.close();
  }
}

async function openAccount({ client, narrator, name }: Story, feed: LiveFeed): Promise<void> {
  narrator.step(`Open the account ${name}, and grant it credits`);
  await client.command('POST', 'accounts', { account: name });
  await feed.subscribe(`accounts/${name}`);
  const grant = await client.command<Answer>('POST', `accounts/${name}/grants`, { amount: GRANT });
  await feed.arrived(grant.position);
  narrator.line(`${formatCount(GRANT)} credits granted`);
}

/** Uploads all photos, each paid for by its size. Resolves with the id of the first. */
async function uploadPhotos({ client, narrator, name, photos }: Story, feed: LiveFeed): Promise<string> {
  narrator.step(`Upload ${photos.length} photos: checked, stored by content, paid for in credits`);
  const ids: string[] = [];
  for (const { name: file, mediaType, read } of photos) {
    const bytes = await read();
    const response = await client.send('POST', 'photos', { query: { account: name }, body: { bytes, mediaType } });
    if (!response.ok) {
      narrator.line(`${file}: ${(await problemOf(response)).message}`);
      continue;
    }
    const { photo, duplicate } = (await response.json()) as { photo: string; duplicate: boolean };
    ids.push(photo);
    const credits = Math.ceil(bytes.length / BYTES_A_CREDIT);
    const debit = { amount: credits, operation: 'upload', bytes: bytes.length, reference: photo };
    const { position } = await client.command<Answer>('POST', `accounts/${name}/debits`, debit);
    await feed.arrived(position);
    narrator.line(
      `${file}: ${formatBytes(bytes.length)}, ${credits} credit${credits === 1 ? '' : 's'}${duplicate ? ', here already' : ''}`,
    );
  }
  const [first] = ids;
  if (first === undefined) throw new CliFailure('none of the photos was accepted');
  type Found = { takenAt: string | null; location: object | null };
  const { takenAt, location } = await client.json<Found>(`photos/${first}`);
  narrator.line(`EXIF of the first: taken ${takenAt ?? 'no time'}, ${JSON.stringify(location)}`);
  return first;
}

/** Packs the folder and deploys it. Resolves with the address that it is published at. */
async function deployDapp({ client, narrator, name, dapp }: Story, feed: LiveFeed): Promise<string> {
  narrator.step(`Deploy a dapp from ${dapp}`);
  await client.command('PUT', `dapps/${name}`, { account: name, title: 'The wall' });
  const body = { bytes: await zipFolder(dapp), mediaType: 'application/zip' };
  const response = await client.request('POST', `dapps/${name}/deploys`, { body });
  type Deployed = Answer & { deploy: string; files: number; bytes: number; url: string };
  const deployed = (await response.json()) as Deployed;
  await feed.arrived(deployed.position);
  narrator.line(`${deployed.files} files, ${formatBytes(deployed.bytes)}: deploy ${deployed.deploy.slice(0, 12)}…`);
  return deployed.url;
}
