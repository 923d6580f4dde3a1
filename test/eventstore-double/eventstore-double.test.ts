import { randomUUID } from 'node:crypto';
import { EventStoreDBClient, jsonEvent, START, streamNameFilter } from '@eventstore/db-client';
import { expect, onTestFinished, test } from 'vitest';
import { type DoubleOptions, EventStoreDouble } from './eventstore-double.ts';

// The package's own client tells whether the double speaks as a server does.

async function start(options: DoubleOptions = {}): Promise<EventStoreDouble> {
  const double = await EventStoreDouble.start(options);
  onTestFinished(() => double.stop());
  return double;
}

function connect(url: string): EventStoreDBClient {
  const client = EventStoreDBClient.connectionString(url);
  onTestFinished(() => client.dispose());
  return client;
}

function event(id = randomUUID() as string) {
  return jsonEvent({ id, type: 'NoteTaken', data: { text: 'ä' }, metadata: { by: 'me' } });
}

/** Whether the client gives credentials decides which of the two calls it makes. */
const credentials = { username: 'admin', password: 'changeit' };

for (const [name, options] of [
  ['in batches', {}],
  ['one call each', { credentials }],
] as const) {
  test(`an append names the revision that it rests on (${name})`, async () => {
    const double = await start();
    const client = connect(double.url);
    const [first, second] = [event(), event()];
    const append = (
      events: ReturnType<typeof event>[],
      expectedRevision: bigint | 'no_stream' | 'any' | 'stream_exists',
    ) => client.appendToStream('s', events, { expectedRevision, ...options });

    await expect(append([first], 0n)).rejects.toMatchObject({
      type: 'wrong-expected-version',
      actualVersion: 'no_stream',
    });
    await expect(append([first], 'stream_exists')).rejects.toMatchObject({ type: 'wrong-expected-version' });
    expect(await append([first, second], 'no_stream')).toMatchObject({ success: true, nextExpectedRevision: 1n });
    await expect(append([event()], 'no_stream')).rejects.toMatchObject({ actualVersion: 1n });
    await expect(append([event()], 0n)).rejects.toMatchObject({ actualVersion: 1n });
    await expect(append([event()], 7n)).rejects.toMatchObject({ actualVersion: 1n });
    expect(await append([event()], 1n)).toMatchObject({ nextExpectedRevision: 2n });
    expect(await append([event()], 'any')).toMatchObject({ nextExpectedRevision: 3n });
    expect(await append([event()], 'stream_exists')).toMatchObject({ nextExpectedRevision: 4n });
    const { calls } = double.leader;
    expect(calls).toMatchObject(
      'credentials' in options ? { append: 9, batchAppend: 0 } : { append: 0, batchAppend: 1 },
    );
  });

  test(`an append that is sent again is known again (${name})`, async () => {
    const double = await start();
    const client = connect(double.url);
    const events = [event(), event()];
    const append = (which: ReturnType<typeof event>[], expectedRevision: bigint | 'no_stream' | 'any') =>
      client.appendToStream('s', which, { expectedRevision, ...options });

    const written = await append(events, 'no_stream');
    await append([event()], 1n);
    // By their place, as the revision says it, also when others came after them.
    expect(await append(events, 'no_stream')).toEqual(written);
    await expect(append([events[0]!, event()], 'no_stream')).rejects.toMatchObject({ type: 'wrong-expected-version' });
    await expect(append([...events, event()], 'no_stream')).rejects.toMatchObject({ actualVersion: 2n });
    await expect(append(events, 0n)).rejects.toMatchObject({ actualVersion: 2n });
    // By their ids, as long as the server remembers them.
    expect(await append(events, 'any')).toMatchObject({ nextExpectedRevision: 1n });
    expect(double.file.stream('s')).toHaveLength(3);
    await double.restart();
    expect(await append(events, 'no_stream').catch(() => append(events, 'no_stream'))).toEqual(written);
    expect(await append(events, 'any')).toMatchObject({ nextExpectedRevision: 4n });
    expect(double.file.stream('s')).toHaveLength(5);
  });

  test(`an append of more than a megabyte is refused (${name})`, async () => {
    const double = await start();
    const large = jsonEvent({ type: 'NoteTaken', data: { text: 'x'.repeat(600 * 1024) } });
    const other = { ...large, id: randomUUID() };
    const appending = connect(double.url).appendToStream('s', [large, other], { ...options });
    await expect(appending).rejects.toMatchObject({ type: 'maximum-append-size-exceeded', maxAppendSize: 1024 * 1024 });
    expect(double.file.stream('s')).toEqual([]);
  });
}

test('streams are read both ways, with their revisions and times', async () => {
  const clock = () => Date.UTC(2026, 4, 1);
  const double = await start({ clock });
  const client = connect(double.url);
  const ids = [randomUUID(), randomUUID(), randomUUID()];
  await client.appendToStream('s', ids.map(event));
  const read = async (options: object) =>
    (await Array.fromAsync(client.readStream('s', options))).map(({ event }) => event!.id);
  expect(await read({})).toEqual(ids);
  expect(await read({ fromRevision: 1n })).toEqual(ids.slice(1));
  expect(await read({ maxCount: 2 })).toEqual(ids.slice(0, 2));
  expect(await read({ direction: 'backwards', fromRevision: 'end' })).toEqual(ids.toReversed());
  expect(await read({ direction: 'backwards', fromRevision: 1n })).toEqual([ids[1], ids[0]]);
  const [first] = await Array.fromAsync(client.readStream('s', { maxCount: 1 }));
  expect(first!.event).toMatchObject({ created: new Date(clock()), data: { text: 'ä' }, metadata: { by: 'me' } });
  await expect(Array.fromAsync(client.readStream('unknown'))).rejects.toMatchObject({ type: 'stream-not-found' });
});

test('$all is read from a position on, and backwards from before it', async () => {
  const double = await start();
  const client = connect(double.url);
  for (const stream of ['a', 'b', 'a']) await client.appendToStream(stream, event());
  const all = await Array.fromAsync(client.readAll());
  expect(all.map(({ event }) => event!.streamId).slice(-3)).toEqual(['a', 'b', 'a']);
  const third = all.at(-2)!.event!.position;
  const onward = await Array.fromAsync(client.readAll({ fromPosition: third }));
  expect(onward).toEqual(all.slice(-2));
  const back = await Array.fromAsync(client.readAll({ fromPosition: third, direction: 'backwards' }));
  expect(back).toEqual(all.slice(0, -2).toReversed());
});

test('a filtered subscription brings what was there, tells that it caught up, and goes on after a position', async () => {
  const double = await start();
  const client = connect(double.url);
  for (let at = 0; at < 10; at += 1) await client.appendToStream(at % 2 === 0 ? 'mine.s' : 'other.s', event());
  const checkpoints: bigint[] = [];
  const filter = streamNameFilter({
    prefixes: ['mine.'],
    maxSearchWindow: 2,
    checkpointInterval: 2,
    checkpointReached: (_, { commit }) => void checkpoints.push(commit),
  });
  const subscription = client.subscribeToAll({ fromPosition: START, filter });
  const caughtUp = new Promise<void>((resolve) => subscription.on('caughtUp', resolve));
  const revisions: bigint[] = [];
  let last = null;
  for await (const { event: from } of subscription) {
    revisions.push(from!.revision);
    last = from!.position;
    if (revisions.length === 5) {
      await caughtUp;
      await client.appendToStream('other.s', event());
      await client.appendToStream('mine.s', event());
    }
    if (revisions.length === 6) break;
  }
  expect(revisions).toEqual([0n, 1n, 2n, 3n, 4n, 5n]);
  // Two events are the server's own.
  expect(checkpoints).toEqual([3, 7, 11].map((at) => BigInt(double.file.events[at]!.position)));
  await client.appendToStream('mine.s', event());
  for await (const { event: from } of client.subscribeToAll({ fromPosition: last!, filter })) {
    expect(from!.revision).toBe(6n);
    break;
  }
});

test('a subscription is dropped', async () => {
  const double = await start();
  const subscription = connect(double.url).subscribeToAll({ fromPosition: 'end' });
  const failed = new Promise((resolve) => subscription.on('error', resolve));
  await new Promise((resolve) => subscription.on('confirmation', resolve));
  double.leader.dropSubscriptions();
  expect(await failed).toMatchObject({ type: 'unavailable' });
  expect(double.leader.subscriptions).toBe(0);
});

test('a follower names the leader to those that need it, and takes for it what others send', async () => {
  const double = await start({ nodes: 3 });
  const follower = double.nodes[1]!;
  const client = connect(`esdb://${follower.address}?tls=false`);
  const append = () => client.appendToStream('s', event(), { credentials, requiresLeader: true });
  await expect(append()).rejects.toMatchObject({ type: 'not-leader', leader: { port: double.leader.port } });
  expect(await append()).toMatchObject({ success: true });
  expect([double.leader.calls.append, follower.calls.append]).toEqual([1, 1]);
  await connect(`esdb://${follower.address}?tls=false`).appendToStream('s', event(), { credentials });
  expect(double.file.stream('s')).toHaveLength(2);
});

test('a client of several nodes finds the leader by gossip', async () => {
  const double = await start({ nodes: 3 });
  double.leader = double.nodes[2]!;
  await connect(double.url).appendToStream('s', event(), { requiresLeader: true, credentials });
  expect(double.nodes.map(({ calls }) => calls.append)).toEqual([0, 0, 1]);
});

test('credentials are asked for', async () => {
  const double = await start({ credentials: 'admin:changeit' });
  const read = async (url: string) => Array.fromAsync(connect(url).readAll({ maxCount: 1 }));
  expect(await read(double.url)).toHaveLength(1);
  const refused = { type: 'access-denied' };
  await expect(read(double.url.replace('changeit', 'wrong'))).rejects.toMatchObject(refused);
  const wrong = { credentials: { username: 'admin', password: 'wrong' } };
  await expect(connect(double.url).appendToStream('s', event(), wrong)).rejects.toMatchObject(refused);
});
