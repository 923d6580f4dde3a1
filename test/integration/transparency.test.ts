import { createPublicKey, hash, verify } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ServerFixture } from './server-fixture.ts';

const server = new ServerFixture();
let key: string;

beforeAll(async () => {
  await server.start({ STRATA_LOG_ORIGIN: 'example.com/log' });
  const palette = ['#000000', '#ffffff'];
  await server.call('PUT', '/v1/boards/b', { width: 100, height: 100, palette, cooldownSeconds: 0 });
  await place(600);
  await server.call('POST', '/v1/accounts', { account: 'acme' });
  key = await server.keyOf('acme');
});

afterAll(() => server.stop());

/** Places so many pixels; resolves with the position. */
async function place(count: number): Promise<string> {
  const { body } = await server.call(
    'POST',
    '/v1/commands',
    Array.from({ length: count }, (_, at) => ({
      type: 'PlacePixel',
      data: { board: 'b', x: at % 100, y: Math.floor(at / 100), color: at % 2 },
    })),
  );
  return body.results.at(-1).position;
}

// A verifier of its own, written from RFC 6962, C2SP tlog-tiles, tlog-checkpoint and signed-note alone: no code of Strata's.

const sha256 = (...parts: Buffer[]) => hash('sha256', Buffer.concat(parts), 'buffer');
const hashLeaf = (entry: Buffer) => sha256(Buffer.of(0), entry);
const hashNode = (left: Buffer, right: Buffer) => sha256(Buffer.of(1), left, right);

/** The checkpoint, its signature verified with the key as `/v1/log/key` tells it. */
async function fetchCheckpoint(position: string): Promise<{ size: number; root: Buffer }> {
  const key = String((await server.call('GET', '/v1/log/key')).body);
  // Base64 has pluses of its own.
  const [, name, id, base64] = /^([^+]+)\+([0-9a-f]{8})\+(.+)\n$/.exec(key) ?? [];
  const answer = await server.call('GET', '/v1/log/checkpoint', undefined, { 'Strata-Min-Position': position });
  expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8');
  const [text = '', signatures = ''] = String(answer.body).split(/(?<=\n)\n/);
  const line = /^— (\S+) (\S+)\n$/.exec(signatures);
  const signature = Buffer.from(line?.[2] ?? '', 'base64');
  expect(line?.[1]).toBe(name);
  expect(signature.toString('hex', 0, 4)).toBe(id);
  const typedKey = Buffer.from(base64 ?? '', 'base64');
  expect(typedKey[0]).toBe(1);
  expect(sha256(Buffer.from(`${name}\n`), typedKey).toString('hex', 0, 4)).toBe(id);
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), typedKey.subarray(1)]);
  const publicKey = createPublicKey({ key: der, format: 'der', type: 'spki' });
  expect(verify(null, Buffer.from(text), publicKey, signature.subarray(4))).toBe(true);
  const [origin, size, root = ''] = text.split('\n');
  expect(origin).toBe('example.com/log');
  return { size: Number(size), root: Buffer.from(root, 'base64') };
}

/** One tile of a tree of `size`, of level `level`, as an array of hashes. */
async function fetchTile(level: number, index: number, size: number): Promise<Buffer[]> {
  const width = Math.min(256, Math.floor(size / 256 ** level) - index * 256);
  const suffix = width === 256 ? '' : `.p/${width}`;
  const number = String(index).padStart(3, '0');
  const { status, headers, body } = await server.call('GET', `/v1/log/tile/${level}/${number}${suffix}`, undefined, {
    Authorization: '',
  });
  expect(status).toBe(200);
  expect(headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
  expect(headers.get('content-type')).toBe('application/octet-stream');
  expect(body.length).toBe(32 * width);
  return Array.from({ length: width }, (_, at) => body.subarray(32 * at, 32 * (at + 1)));
}

async function fetchLeaves(size: number): Promise<Buffer[]> {
  const tiles = Array.from({ length: Math.ceil(size / 256) }, (_, index) => fetchTile(0, index, size));
  return (await Promise.all(tiles)).flat();
}

function rootOf(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 1) return leaves[0]!;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return hashNode(rootOf(leaves.slice(0, split)), rootOf(leaves.slice(split)));
}

describe('a client that has the checkpoint and the tiles alone', () => {
  test('verifies the tree', async () => {
    const position = await place(10);
    const { size, root } = await fetchCheckpoint(position);
    expect(size).toBeGreaterThanOrEqual(Number(position));
    const leaves = await fetchLeaves(size);
    expect(rootOf(leaves)).toEqual(root);
    const above = await fetchTile(1, 0, size);
    expect(above).toEqual(above.map((_, at) => rootOf(leaves.slice(at * 256, (at + 1) * 256))));
  });

  test('sees that a later tree goes on from an earlier one', async () => {
    const old = await fetchCheckpoint(await place(3));
    const now = await fetchCheckpoint(await place(300));
    const leaves = await fetchLeaves(now.size);
    expect(rootOf(leaves)).toEqual(now.root);
    expect(rootOf(leaves.slice(0, old.size))).toEqual(old.root);
  });
});

test('entry bundles hash to the leaves, and are for an admin', async () => {
  const { size } = await fetchCheckpoint(await place(1));
  const [leaves] = await Promise.all([fetchTile(0, 1, size)]);
  const { body, headers } = await server.call('GET', '/v1/log/tile/entries/001');
  expect(headers.get('cache-control')).toMatch('private');
  let at = 0;
  for (const leaf of leaves) {
    const end = at + 2 + body.readUInt16BE(at);
    expect(hashLeaf(body.subarray(at + 2, end))).toEqual(leaf);
    at = end;
  }
  expect(at).toBe(body.length);
  const { body: entry } = await server.call('GET', '/v1/log/entries/257');
  expect(hashLeaf(entry)).toEqual(leaves[0]);
  for (const path of ['/v1/log/tile/entries/001', '/v1/log/entries/257']) {
    expect((await server.call('GET', path, undefined, { Authorization: '' })).status).toBe(401);
    expect((await server.call('GET', path, undefined, { Authorization: `Bearer ${key}` })).status).toBe(403);
  }
});

test('proofs lead from an event to the root', async () => {
  const { size, root } = await fetchCheckpoint(await place(1));
  const { body: proof } = await server.call('GET', `/v1/log/proof/inclusion?position=300&size=${size}`);
  expect(proof).toMatchObject({ position: '300', index: 299, size, rootHash: root.toString('hex') });
  const leaves = await fetchLeaves(size);
  expect(proof.leafHash).toBe(leaves[299]!.toString('hex'));
  // RFC 9162 section 2.1.3.2
  let [place1, last, now] = [299, size - 1, leaves[299]!];
  for (const sibling of proof.hashes.map((text: string) => Buffer.from(text, 'hex'))) {
    if (place1 % 2 === 1 || place1 === last) {
      now = hashNode(sibling, now);
      while (place1 % 2 === 0 && place1 !== 0) [place1, last] = [place1 >> 1, last >> 1];
    } else now = hashNode(now, sibling);
    [place1, last] = [place1 >> 1, last >> 1];
  }
  expect([last, now]).toEqual([0, root]);
  const { body: consistency } = await server.call('GET', `/v1/log/proof/consistency?from=256&to=512`);
  expect(consistency).toEqual({
    from: 256,
    to: 512,
    fromRoot: rootOf(leaves.slice(0, 256)).toString('hex'),
    toRoot: rootOf(leaves.slice(0, 512)).toString('hex'),
    hashes: [rootOf(leaves.slice(256, 512)).toString('hex')],
  });
});

test('what the tree does not have is refused by name', async () => {
  const codes = async (path: string) => (await server.call('GET', path)).body.code;
  expect(await codes('/v1/log/tile/0/999')).toBe('log.unknown-tile');
  expect(await codes('/v1/log/tile/0/1')).toBe('log.unknown-tile');
  expect(await codes('/v1/log/tile/9/000')).toBe('log.unknown-tile');
  expect(await codes('/v1/log/tile/entries/999')).toBe('log.unknown-tile');
  expect(await codes('/v1/log/entries/999999')).toBe('history.future-position');
  expect(await codes('/v1/log/proof/inclusion?position=999999')).toBe('history.future-position');
  expect(await codes('/v1/log/proof/inclusion?position=no')).toBe('position.malformed');
  expect(await codes('/v1/log/proof/inclusion')).toBe('request.invalid');
  expect(await codes('/v1/log/proof/consistency?from=9&to=3')).toBe('history.range');
});

test('the key and the checkpoint outlive a restart', async () => {
  const before = await fetchCheckpoint(await place(1));
  const verifier = String((await server.call('GET', '/v1/log/key')).body);
  await server.server.close();
  await server.start({ STRATA_LOG_ORIGIN: 'example.com/log' });
  expect(String((await server.call('GET', '/v1/log/key')).body)).toBe(verifier);
  const now = await fetchCheckpoint(await place(1));
  expect(rootOf((await fetchLeaves(now.size)).slice(0, before.size))).toEqual(before.root);
});
