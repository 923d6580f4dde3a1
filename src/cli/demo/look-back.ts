import { join } from 'node:path';
import { formatPosition, parsePosition } from '#events/position.ts';
import { readEvents } from '../log-events.ts';
import { formatCount } from '../progress.ts';
import { type Drawn, savePicture } from './draw.ts';
import type { LiveFeed } from './live-feed.ts';
import type { Story } from './story.ts';

type Document = { readonly [field: string]: unknown };

/** Changes the photo and spends credits, then reads the state from before and shows what differs now. */
export async function lookBack(story: Story, feed: LiveFeed, photo: string, drawn: Drawn): Promise<void> {
  const { client, narrator, name, folder } = story;
  const then = drawn.after;

  narrator.step('Change things: a title and tags, a debit, a hold that is settled in part');
  const edit = { set: { title: 'The first one', rating: 5 }, addTags: ['demo', 'favourite'] };
  await client.command('PATCH', `photos/${photo}`, edit);
  await client.command('POST', `accounts/${name}/debits`, { amount: 250, operation: 'pin', reference: photo });
  await client.command('POST', `accounts/${name}/holds`, { hold: 'render', amount: 500, ttlSeconds: 600 });
  const settled = await client.command<{ position: string }>('POST', `accounts/${name}/holds/render/settle`, {
    amount: 320,
  });
  await feed.arrived(settled.position);

  narrator.step(`Look back: the state at position ${then}, and what changed since`);
  for (const path of [`accounts/${name}`, `photos/${photo}`]) {
    const [before, after] = await Promise.all([then, settled.position].map((asOf) => read(story, path, asOf)));
    narrator.line(path);
    for (const field of Object.keys({ ...before, ...after })) {
      const [was, is] = [before?.[field], after?.[field]];
      if (JSON.stringify(was) !== JSON.stringify(is)) narrator.change(`  ${field}`, was, is);
    }
  }
  let events = 0;
  for await (const _event of readEvents(client, then, {}, 1_000)) events += 1;
  narrator.line(`${formatCount(events)} events lie between`);

  const half = midway(drawn.before, drawn.after);
  const halfway = join(folder, 'board-halfway.png');
  await savePicture(client, name, half, halfway);
  narrator.line(`the board half drawn, as of position ${half}: ${halfway}`);
}

async function read({ client }: Story, path: string, asOf: string): Promise<Document> {
  return client.json<Document>(path, { asOf });
}

function midway(from: string, to: string): string {
  const [a, b] = [parsePosition(from), parsePosition(to)];
  const offsets = b.offsets.map((offset, at) => Math.floor((offset + (a.offsets[at] ?? 0)) / 2));
  return formatPosition({ epoch: b.epoch, offsets });
}
