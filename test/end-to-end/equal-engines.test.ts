import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EventStoreDouble } from '#test/eventstore-double/eventstore-double.ts';
import { hasKafka, sharedKafka } from '../integration/kafka-brokers.ts';
import { hasRedis } from '../integration/redis-server.ts';
import { hasS3Server } from '../integration/s3-server.ts';
import { type Answered, ServerFixture } from '../integration/server-fixture.ts';
import { SharedEngines } from './shared-engines.ts';

const missing = [!hasKafka() && 'Kafka', !hasRedis() && 'Redis', !hasS3Server() && 'S3'].filter(Boolean);
const reason = missing.length > 0 ? ` (no ${missing.join(', no ')} here)` : '';

type Command = { readonly type: string; readonly data: object };

/** Commands on many streams of all domains; what is refused is refused on every engine. */
function commands(): Command[] {
  const made: Command[] = [];
  const add = (type: string, data: object) => made.push({ type, data });
  add('CreateBoard', { board: 'wall', width: 1000, height: 1000 });
  for (let account = 0; account < 5; account += 1) {
    add('OpenAccount', { account: `a${account}` });
    add('GrantCredits', { account: `a${account}`, amount: 50 });
    add('CreateDapp', { dapp: `d${account}`, account: `a${account}`, title: `Dapp ${account}` });
  }
  for (let n = 0; n < 120; n += 1) {
    add('PlacePixel', { board: 'wall', x: (n * 263) % 1000, y: (n * 97) % 1000, color: n % 16 });
    if (n % 3 === 0) add('DebitCredits', { account: `a${n % 5}`, amount: 4, operation: 'upload' });
    if (n % 10 === 0) add('PlaceHold', { account: `a${n % 5}`, hold: `h${n}`, amount: 5, ttlSeconds: 3600 });
    if (n % 20 === 10) add('VoidHold', { account: `a${n % 5}`, hold: `h${n}` });
    if (n % 25 === 0) add('CreateAlbum', { account: `a${n % 5}`, title: `Album ${n}` });
    if (n === 60) add('SetRef', { ref: 'half' });
  }
  return made;
}

/** Everything but the times, which are each server's own. */
function withoutTimes(event: Answered): Answered {
  const { at, recordedAt, id, data, ...rest } = event;
  const { expiresAt, ...kept } = data;
  return { ...rest, data: kept };
}

/** What a server makes of the commands, sent in order with keys of their own, so that ids are the same everywhere. */
async function outcomes(server: ServerFixture): Promise<Answered[]> {
  const results: Answered[] = [];
  for (const [index, command] of commands().entries()) {
    const { body } = await server.call('POST', '/v1/commands', command, { 'Idempotency-Key': `command-${index}` });
    results.push(
      body.code ?? {
        position: body.position,
        stream: body.stream,
        revision: body.revision,
        events: body.events.map(withoutTimes),
      },
    );
  }
  return results;
}

async function state(server: ServerFixture, position: string): Promise<Answered> {
  const read = async (path: string) => (await server.read(path, position)).body;
  // Fingerprints are told as of now: what waits for the position comes first.
  const balances = (await read('/v1/accounts')).items;
  const fingerprints = await read('/v1/projections?fingerprints=true');
  const of = (name: string) =>
    fingerprints.items
      .flatMap(({ structures }: Answered) => structures)
      .find((structure: Answered) => structure.name === name)?.fingerprint;
  return {
    boards: of('boards'),
    balances,
    events: (await read('/v1/events?limit=1000')).items.map(withoutTimes),
    half: (await read('/v1/refs/half')).position,
    boardThen: (await server.read('/v1/boards/wall/bitmap?asOf=refs/half', position)).body.toString('base64'),
    diff: (await read('/v1/diff?in=accounts&from=refs/half')).items.map(
      ({ key, change, position: at, after }: Answered) => [key, change, at, after.available],
    ),
    pixels: (await read('/v1/diff?in=boards/wall&from=refs/half&limit=1000')).items.map(
      ({ x, y, before, after, position: at }: Answered) => [x, y, before, after, at],
    ),
  };
}

describe.skipIf(missing.length > 0)(`the same commands on every engine${reason}`, () => {
  const engines = new SharedEngines();
  const embedded = new ServerFixture();
  let double: EventStoreDouble;
  let kafka = '';
  let expected: { readonly outcomes: Answered[]; readonly state: Answered };

  beforeAll(async () => {
    [kafka, double] = await Promise.all([sharedKafka(), EventStoreDouble.start(), engines.start()]);
    await embedded.start();
    const told = await outcomes(embedded);
    expected = { outcomes: told, state: await state(embedded, told.at(-1).position) };
  }, 90_000);
  afterAll(async () => {
    await embedded.stop();
    await Promise.all([engines.stop(), double.stop()]);
  }, 60_000);

  test.each([
    ['Kafka with one partition', () => `${kafka}/equal-1-${engines.run}?partitions=1`],
    ['Kafka with four partitions', () => `${kafka}/equal-4-${engines.run}?partitions=4`],
    ["EventStoreDB's double", () => `${double.url}&prefix=equal-${engines.run}.`],
  ])(
    'are answered alike on %s, and lead to the same states',
    async (name, url) => {
      const server = new ServerFixture(() => engines.settings(url(), name.replace(/\W/g, '-').toLowerCase()));
      try {
        await server.start();
        const told = await outcomes(server);
        expect(told).toEqual(expected.outcomes);
        expect(await state(server, told.at(-1).position)).toEqual(expected.state);
      } finally {
        await server.stop();
      }
    },
    60_000,
  );
});
