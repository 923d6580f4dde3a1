import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import sharp from 'sharp';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import yazl from 'yazl';
import type { BlobStore, PendingBlob } from '#blobs/blob-store.ts';
import { openDiskBlobs } from '#blobs/disk.ts';
import { createInspector, type InspectorOptions } from '#workers/create-inspector.ts';

let dir: string;
let blobs: BlobStore;
let inspector: ReturnType<typeof createInspector>;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'strata-inspector-'));
  blobs = await openDiskBlobs({ dir: join(dir, 'blobs') });
  inspector = createInspector({ blobs });
});

afterEach(async () => {
  await inspector.close();
  await rm(dir, { recursive: true });
});

/** An inspector whose workers run this code instead: it has `job`, `send` and `jobs`, how many came before. */
async function inspectorRunning(code: string, options: Partial<InspectorOptions> = {}) {
  const program = join(dir, 'worker.mjs');
  await writeFile(
    program,
    `let jobs = 0;
    const send = (message) => process.send(message);
    process.on('disconnect', () => process.exit());
    process.on('message', (job) => { ${code}; jobs += 1; });
    send({ kind: 'ready' });`,
  );
  inspector = createInspector({ blobs, program, ...options });
}

const ANSWER = "send({ kind: 'inspected', result: { kind: 'image', width: process.pid } })";

async function pending(bytes: Buffer): Promise<PendingBlob> {
  return blobs.receive(
    (async function* () {
      yield bytes;
    })(),
    bytes.length,
  );
}

const jpeg = () =>
  sharp({ create: { width: 30, height: 20, channels: 3, background: '#369' } })
    .jpeg()
    .toBuffer();

test('a real image and a real archive go through a worker process', async () => {
  expect(inspector.pids).toEqual([]);
  const image = await pending(await jpeg());
  expect(await inspector.image(image, 'image/jpeg')).toMatchObject({ sha256: image.sha256, width: 30, height: 20 });

  const zip = new yazl.ZipFile();
  zip.addBuffer(Buffer.from('<p>hello'), 'index.html');
  zip.end();
  const archive = await pending(await buffer(zip.outputStream as NodeJS.ReadableStream & AsyncIterable<Buffer>));
  const inspected = await inspector.archive(archive);
  expect(inspected).toMatchObject({ files: 1, bytes: 8 });
  expect(String(await blobs.read(inspected.manifest))).toContain('index.html');
  expect(inspector.pids).toHaveLength(1);
  await archive.drop();
  await image.keep();
  expect(await readdir(join(dir, 'blobs', 'incoming'))).toEqual([]);
});

test('refusals arrive with their code', async () => {
  const text = await pending(Buffer.from('no image, no archive'));
  await expect(inspector.image(text, 'image/png')).rejects.toMatchObject({ code: 'upload.not-an-image', status: 422 });
  await expect(inspector.archive(text)).rejects.toMatchObject({ code: 'upload.archive-invalid' });
  const image = await pending(await jpeg());
  await expect(inspector.image(image, 'image/png')).rejects.toMatchObject({ code: 'request.media-type', status: 415 });
});

test('a worker killed while idle is replaced', async () => {
  const image = await pending(await jpeg());
  await inspector.image(image, 'image/jpeg');
  const [pid] = inspector.pids;
  process.kill(pid!, 'SIGKILL');
  expect(await inspector.image(image, 'image/jpeg')).toMatchObject({ width: 30 });
  expect(inspector.pids).not.toContain(pid);
});

test('a job whose worker dies is tried once more', async () => {
  const marker = JSON.stringify(join(dir, 'died'));
  await inspectorRunning(`
    const fs = process.getBuiltinModule('node:fs');
    if (!fs.existsSync(${marker})) { fs.writeFileSync(${marker}, ''); process.kill(process.pid, 'SIGKILL'); }
    else ${ANSWER}`);
  expect(await inspector.image(await pending(Buffer.from('x')), 'image/png')).toMatchObject({ kind: 'image' });
});

test('a job that kills every worker is refused, and the next one is served', async () => {
  await inspectorRunning(`if (job.mediaType === 'image/bad') process.exit(3); else ${ANSWER}`);
  const image = await pending(Buffer.from('x'));
  await expect(inspector.image(image, 'image/bad')).rejects.toMatchObject({ code: 'upload.too-costly' });
  expect(await inspector.image(image, 'image/png')).toMatchObject({ kind: 'image' });
});

test('a worker that hangs is ended', async () => {
  await inspectorRunning(`if (job.mediaType === 'image/bad') for (;;); else ${ANSWER}`, { timeoutMs: 300 });
  const image = await pending(Buffer.from('x'));
  const { width: pid } = await inspector.image(image, 'image/png');
  await expect(inspector.image(image, 'image/bad')).rejects.toMatchObject({ code: 'upload.too-costly' });
  await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow());
  expect((await inspector.image(image, 'image/png')).width).not.toBe(pid);
});

test('workers that cannot start are the server failing, not the upload', async () => {
  inspector = createInspector({ blobs, program: join(dir, 'missing.mjs') });
  await expect(inspector.image(await pending(Buffer.from('x')), 'image/png')).rejects.toMatchObject({
    code: 'server.failed',
  });
});

test('two jobs run, as many wait as may, and more are refused', async () => {
  const go = join(dir, 'go');
  await inspectorRunning(
    `const fs = process.getBuiltinModule('node:fs');
    const poll = setInterval(() => { if (fs.existsSync(${JSON.stringify(go)})) { clearInterval(poll); ${ANSWER}; } }, 5)`,
    { waitingMax: 3 },
  );
  const image = await pending(Buffer.from('x'));
  const jobs = Array.from({ length: 5 }, () => inspector.image(image, 'image/png'));
  await expect(inspector.image(image, 'image/png')).rejects.toMatchObject({ code: 'server.busy' });
  await writeFile(go, '');
  const pids = (await Promise.all(jobs)).map(({ width }) => width);
  expect(new Set(pids).size).toBe(2);
});

test('closing ends the processes and refuses what runs or waits', async () => {
  await inspectorRunning('', { processesMax: 1 });
  const image = await pending(Buffer.from('x'));
  const settled = Promise.allSettled([inspector.image(image, 'image/png'), inspector.image(image, 'image/png')]);
  await vi.waitFor(() => expect(inspector.pids).toHaveLength(1));
  const [pid] = inspector.pids;
  await inspector.close();
  for (const job of await settled) expect(job).toMatchObject({ status: 'rejected', reason: { code: 'server.busy' } });
  expect(() => process.kill(pid!, 0)).toThrow();
});

test('a worker has none of the server’s secrets', async () => {
  process.env.STRATA_TEST_SECRET = 'hidden';
  try {
    await inspectorRunning(
      "send({ kind: 'inspected', result: { kind: 'image', mediaType: String(process.env.STRATA_TEST_SECRET) } })",
    );
    const { mediaType } = await inspector.image(await pending(Buffer.from('x')), 'image/png');
    expect(mediaType).toBe('undefined');
  } finally {
    delete process.env.STRATA_TEST_SECRET;
  }
});
