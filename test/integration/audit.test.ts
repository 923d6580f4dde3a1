import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32c } from '@node-rs/crc32';
import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ZipFile } from 'yazl';
import { writeGroupHeader } from '#log/embedded/group.ts';
import { GroupWalk } from '#log/embedded/group-walk.ts';
import { crcSeed, readSegmentHeader, SEGMENT_HEADER_BYTES, segmentPath } from '#log/embedded/segment-header.ts';
import type { AuditReport } from '#src/audit/report.ts';
import { strata } from './cli-terminal.ts';
import { ServerFixture } from './server-fixture.ts';

const server = new ServerFixture();
const scratch = mkdtempSync(join(tmpdir(), 'strata-audit-test-'));
/** A copy of the data of all four domains, for each test to spoil. */
let data: string;
let saved: string;
let photo: { readonly photo: string; readonly sha256: string };

beforeAll(async () => {
  await server.start();
  await server.call('PUT', '/v1/boards/b', { width: 300, height: 300, cooldownSeconds: 0 });
  const pixels = Array.from({ length: 500 }, (_, at) => ({
    board: 'b',
    x: at % 300,
    y: Math.floor(at / 3),
    color: at % 8,
  }));
  await server.call(
    'POST',
    '/v1/commands',
    pixels.map((data) => ({ type: 'PlacePixel', data })),
  );
  await server.call('POST', '/v1/accounts', { account: 'acme' });
  await server.call('POST', '/v1/accounts/acme/grants', { amount: 1000 });
  await server.call('POST', '/v1/accounts/acme/debits', { amount: 30, operation: 'pin' });
  await server.call('POST', '/v1/accounts/acme/holds', { hold: 'h', amount: 200, ttlSeconds: 3600 });
  await server.call('POST', '/v1/accounts/acme/holds/h/settle', { amount: 150 });
  await server.call('PUT', '/v1/dapps/site', { account: 'acme' });
  const zip = new ZipFile();
  zip.addBuffer(Buffer.from('<h1>here</h1>'), 'index.html');
  zip.end();
  const archive = Buffer.concat((await Array.fromAsync(zip.outputStream)) as Buffer[]);
  await server.call('POST', '/v1/dapps/site/deploys', archive, { 'Content-Type': 'application/zip' });
  const background = { r: 200, g: 0, b: 0 };
  const picture = await sharp({ create: { width: 4, height: 3, channels: 3, background } })
    .png()
    .toBuffer();
  photo = (await server.call('POST', '/v1/photos', picture, { 'Content-Type': 'image/png' })).body;
  const edited = await server.call('PATCH', `/v1/photos/${photo.photo}`, { set: { title: 'red' }, addTags: ['alps'] });
  expect(edited.status).toBe(200);
  await server.read(`/v1/photos/${photo.photo}`, edited.body.position);
  saved = join(scratch, 'saved');
  const { body } = await server.call('GET', '/v1/log/checkpoint', undefined, {
    'Strata-Min-Position': edited.body.position,
  });
  writeFileSync(saved, body);
});

afterAll(async () => {
  await server.stop();
  rmSync(scratch, { recursive: true, force: true });
});

beforeEach(() => {
  data = mkdtempSync(join(scratch, 'data-'));
});

/** Runs `strata audit` over a copy of the data, which `spoil` may change first. */
async function auditCopy(spoil: () => void | Promise<void>, ...args: string[]) {
  await server.server.close();
  cpSync(server.dir, data, { recursive: true });
  await server.start();
  await spoil();
  return auditFolder(data, ...args);
}

async function auditFolder(folder: string, ...args: string[]) {
  const { code, out, err } = await strata({}, 'audit', '--data', folder, '--json', ...args);
  const report = out === '' ? null : (JSON.parse(out) as AuditReport);
  const findings = (report?.checks ?? []).flatMap((check) =>
    check.findings.map((finding) => `${check.name}: ${finding}`),
  );
  return { code, err, report, findings };
}

const filesBelow = (dir: string, ending: string) =>
  readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(dir, name));

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at]! ^= 1;
  writeFileSync(path, bytes);
}

const blobPath = (sha256: string) => join(data, 'blobs', sha256.slice(0, 2), sha256.slice(2, 4), sha256);

/** Changes a text in the log and makes every checksum fit again, as one who owns the machine can. */
function rewriteLog(from: string, to: string): void {
  const path = segmentPath(join(data, 'log'), 1);
  const seed = crcSeed(readSegmentHeader(path, 1)!);
  const bytes = readFileSync(path);
  const walk = new GroupWalk(path, seed, SEGMENT_HEADER_BYTES, 1);
  let changed = 0;
  while (walk.next() === 'group') {
    const body = walk.position + 44;
    const at = bytes.subarray(body, body + walk.header.bodyLength).indexOf(from);
    if (at === -1) continue;
    bytes.write(to, body + at);
    writeGroupHeader(bytes, walk.position, walk.header.bodyLength, walk.header, seed);
    changed += 1;
  }
  expect(changed).toBe(1);
  writeFileSync(path, bytes);
}

/** Changes a text in a file of records, and makes the checksums fit again. */
function rewriteRecords(path: string, from: string, to: string): void {
  const bytes = readFileSync(path);
  for (let at = 0; at < bytes.length; ) {
    const end = at + 8 + bytes.readUInt32LE(at);
    const record = bytes.subarray(at + 8, end);
    const place = record.indexOf(from);
    if (place !== -1) record.write(to, place);
    bytes.writeUInt32LE(crc32c(record), at + 4);
    at = end;
  }
  writeFileSync(path, bytes);
}

test('beside a running server, all of it holds, and the report says what was looked at', async () => {
  const { code, out, err } = await strata({}, 'audit', '--data', server.dir, '--checkpoint', saved, '--event', '17');
  expect(err).toBe('');
  expect(out).toMatch(/✓ credits conserve, and no balance is below zero +1 account, 1,000 credits issued/);
  expect(out).toMatch(/✓ pixels lie on their board, in a colour of its palette +1 board, 500 pixels/);
  expect(out).toMatch(/✓ the event at 17 is in the tree +PixelPlaced tile-b-/);
  expect(out).toMatch(/✓ blobs are there, and match their hashes +3 blobs, .* 3 needed/);
  expect(out).toMatch(/✓ projections equal a replay of the log/);
  expect(out).toMatch(/✓ the log goes on from .*saved/);
  expect(out).not.toMatch('✗');
  expect(out).toMatch('all of it holds');
  expect(code).toBe(0);
});

test('a checkpoint that is kept proves a later log', async () => {
  const kept = join(scratch, 'kept');
  const verifier = join(scratch, 'verifier');
  writeFileSync(verifier, (await server.call('GET', '/v1/log/key')).body);
  expect(await auditFolder(server.dir, '--save', kept, '--verifier', verifier)).toMatchObject({
    code: 0,
    findings: [],
  });
  await server.call('PUT', '/v1/boards/c', { width: 10, height: 10 });
  expect(await auditFolder(server.dir, '--checkpoint', kept)).toMatchObject({ code: 0, findings: [] });
});

describe('a log that was rewritten, by one who has the key and rebuilt everything', () => {
  const forge = async () => {
    rewriteLog('"amount":1000', '"amount":9000');
    rmSync(join(data, 'projections'), { recursive: true });
    rmSync(join(data, 'tree', 'checkpoint'));
    for (const file of filesBelow(join(data, 'tree'), '.hashes')) rmSync(file);
    const forged = new ServerFixture();
    await forged.start({ STRATA_DATA_DIR: data });
    await forged.call('GET', '/v1/log/checkpoint', undefined, { 'Strata-Min-Position': '510' });
    await forged.stop();
  };

  test('contradicts the checkpoint that was saved before', async () => {
    const { code, findings } = await auditCopy(forge, '--checkpoint', saved);
    expect(code).toBe(1);
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatch(
      /the log goes on from .*: the log was rewritten since: its first \d+ events are not those of/,
    );
  });

  test('is not noticed without one: that is what checkpoints are kept for', async () => {
    expect(await auditCopy(forge)).toMatchObject({ code: 0, findings: [] });
  });
});

test('a rewritten log whose tree was left alone is named by the event', async () => {
  const { code, findings } = await auditCopy(() => rewriteLog('"amount":1000', '"amount":9000'));
  expect(code).toBe(1);
  expect(findings.join('\n')).toMatch(/the tree is of these events: the event at \d+ is not the one in the tree/);
  expect(findings.join('\n')).toMatch(/gives? the root [0-9a-f]{64}, and [0-9a-f]{64} was signed/);
  expect(findings.join('\n')).toMatch(/projections equal a replay of the log: accounts: .* is not what the log says/);
});

test('credits that do not conserve are named by account and position', async () => {
  const { code, findings } = await auditCopy(() => rewriteLog('"amount":150', '"amount":149'));
  expect(code).toBe(1);
  expect(findings.join('\n')).toMatch(/credits conserve.*at \d+: account acme was granted 1000, but has/);
});

test('a pixel outside of its palette is named', async () => {
  const { findings } = await auditCopy(() => rewriteLog('"width":300', '"width":100'));
  expect(findings.join('\n')).toMatch(/pixels lie on their board.*at \d+: 1\d\d, \d+ is outside of board b/);
});

test('damage in the log is named by its position', async () => {
  const { code, findings } = await auditCopy(() => flip(segmentPath(join(data, 'log'), 1), 5000));
  expect(code).toBe(1);
  expect(findings.join('\n')).toMatch(/the log can be read.*: the log is damaged at position \d+: .*00000001\.seg/);
});

test('a changed blob and a missing one are named by what needs them', async () => {
  const { code, findings } = await auditCopy(() => {
    flip(blobPath(photo.sha256), 20);
    const [manifest] = filesBelow(join(data, 'blobs'), '').filter((path) => isManifest(path));
    const [file] = JSON.parse(readFileSync(manifest!, 'utf8')).files;
    rmSync(blobPath(file.sha256));
  });
  expect(code).toBe(1);
  expect(findings).toEqual([
    expect.stringMatching(/blobs are there.*: index\.html of a deploy of dapp site is missing: [0-9a-f]{64}/),
    expect.stringMatching(`: the original of photo ${photo.photo} has other bytes than its hash says: ${photo.sha256}`),
  ]);
});

test('a projection that was doctored is named', async () => {
  const { code, findings } = await auditCopy(() => {
    const [versions] = filesBelow(join(data, 'projections'), '/photos.0.versions');
    rewriteRecords(versions!, 'alps', 'apls');
  });
  expect(code).toBe(1);
  expect(findings.join('\n')).toMatch(/projections equal a replay of the log: photos: photos is not what the log says/);
});

test("the tree's damaged files are named, and a checkpoint of another key is not believed", async () => {
  const { code, findings } = await auditCopy(
    () => flip(join(data, 'tree', '0.hashes'), 300 * 32),
    '--verifier',
    'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
    '--event',
    '302',
  );
  expect(code).toBe(1);
  expect(findings.join('\n')).toMatch('the tree is of these events: the event at 301 is not the one in the tree');
  expect(findings.join('\n')).toMatch(/signed by strata\/.*not by PeterNeumann/);
  expect(findings.join('\n')).toMatch('the event at 302 is in the tree: no proof leads from it');
});

test('what cannot be asked is told with exit code 2', async () => {
  const missing = await strata({}, 'audit', '--data', server.dir, '--checkpoint', join(scratch, 'nowhere'));
  expect(missing).toMatchObject({ code: 2, out: '' });
  writeFileSync(join(scratch, 'no-note'), 'hello');
  const wrong = await strata({}, 'audit', '--data', server.dir, '--checkpoint', join(scratch, 'no-note'));
  expect(wrong.code).toBe(2);
  expect(wrong.err).toMatch('this is not a signed note');
  expect(await strata({}, 'audit', '--data', server.dir, '--event', 'x')).toMatchObject({ code: 2 });
});

function isManifest(path: string): boolean {
  try {
    return Array.isArray(JSON.parse(readFileSync(path, 'utf8')).files);
  } catch {
    return false;
  }
}
