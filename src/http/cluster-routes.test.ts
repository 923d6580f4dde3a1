import http from 'node:http';
import net from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MemberChannel } from '#cluster/member-channel.ts';
import { SIGNATURE_HEADER, SignatureCheck, Signer } from '#cluster/signature.ts';
import { freePorts } from '#test/components/server-process.ts';
import { clusterCommandsHandler } from './cluster-routes.ts';
import { Router } from './router.ts';
import { type App, createApp, listen } from './uws.ts';

const SECRET = 'a-secret-of-all-members';
const PATH = '/v1/cluster/commands';

let app: App;
let address: string;
let now: number;
let received: string[];
let channels: MemberChannel[];

beforeEach(async () => {
  now = 1_700_000_000_000;
  received = [];
  channels = [];
  app = createApp();
  const router = new Router(
    () => false,
    (message) => expect.unreachable(message),
  );
  const receive = async (text: string) => {
    received.push(text);
    return `{"echo":${text}}`;
  };
  const [port = 0] = await freePorts(1);
  address = `http://127.0.0.1:${port}`;
  const signatures = new SignatureCheck(SECRET, `${address}${PATH}`, () => now);
  router.add('POST', PATH, clusterCommandsHandler({ signatures, receive }));
  router.install(app);
  await listen(app, '127.0.0.1', port);
});

afterEach(() => {
  for (const channel of channels) channel.close();
  app.close();
});

function channelTo(to: string, { secret = SECRET, answerMsMax = 10_000 } = {}): MemberChannel {
  const channel = new MemberChannel({ address: to, path: PATH, secret, clock: () => now, answerMsMax });
  channels.push(channel);
  return channel;
}

function signerTo(to: string): Signer {
  return new Signer(SECRET, `${to}${PATH}`, () => now);
}

async function post(signature: string | null, body: string): Promise<{ status: number; code: string }> {
  const headers = signature === null ? {} : { [SIGNATURE_HEADER]: signature };
  const response = await fetch(`${address}${PATH}`, { method: 'POST', headers, body });
  const { code = '' } = (await response.json()) as { code?: string };
  return { status: response.status, code };
}

test('signed requests pass over one connection, small and large', async () => {
  const channel = channelTo(address);
  const large = JSON.stringify({ text: 'ü'.repeat(1_000_000) });
  for (const text of ['{}', large, '[1]']) {
    expect(await channel.post(text)).toEqual({ ok: true, body: `{"echo":${text}}` });
  }
  expect(received).toEqual(['{}', large, '[1]']);
});

test('another secret, another body, another member, no signature: refused, and certainly not handled', async () => {
  const answer = await channelTo(address, { secret: 'another-secret-of-others' }).post('{}');
  expect(answer).toMatchObject({ ok: false, reached: false, why: expect.stringContaining('cluster.refused') });
  const signature = signerTo(address).sign(Buffer.from('{}'));
  const refused = { status: 403, code: 'cluster.refused' };
  expect(await post(signature, '{"a":1}')).toEqual(refused);
  expect(await post(null, '{}')).toEqual(refused);
  expect(await post('nonsense', '{}')).toEqual(refused);
  expect(await post(signerTo('http://another-member:8080').sign(Buffer.from('{}')), '{}')).toEqual(refused);
  expect(received).toEqual([]);
});

test('a request is believed once, and for half a minute', async () => {
  const signer = signerTo(address);
  const [first, second] = [signer.sign(Buffer.from('{}')), signer.sign(Buffer.from('{}'))];
  const refused = { status: 403, code: 'cluster.refused' };
  expect((await post(second, '{}')).status).toBe(200);
  expect(await post(second, '{}')).toEqual(refused);
  expect(await post(first, '{}')).toEqual(refused);
  const late = signer.sign(Buffer.from('{}'));
  now += 30_001;
  expect(await post(late, '{}')).toEqual(refused);
});

test('a member that does not listen was not reached; one that goes away may have been', async () => {
  app.close();
  expect(await channelTo(address).post('{}')).toMatchObject({ ok: false, reached: false });

  const silent = net.createServer((socket) => socket.on('data', () => socket.destroy()));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as net.AddressInfo;
  expect(await channelTo(`http://127.0.0.1:${port}`).post('{}')).toMatchObject({ ok: false, reached: true });
  silent.close();
});

test('a proxy that answers in place of a member does not know what the member did', async () => {
  const proxy = http.createServer((_request, response) => response.writeHead(504).end('gateway timeout'));
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const { port } = proxy.address() as net.AddressInfo;
  expect(await channelTo(`http://127.0.0.1:${port}`).post('{}')).toMatchObject({ ok: false, reached: true });
  proxy.close();
});

test('a member that does not answer in time may have handled it', async () => {
  const sockets: net.Socket[] = [];
  const frozen = net.createServer((socket) => sockets.push(socket));
  await new Promise<void>((resolve) => frozen.listen(0, '127.0.0.1', resolve));
  const { port } = frozen.address() as net.AddressInfo;
  const answer = await channelTo(`http://127.0.0.1:${port}`, { answerMsMax: 100 }).post('{}');
  expect(answer).toEqual({ ok: false, reached: true, why: 'it does not answer in time' });
  for (const socket of sockets) socket.destroy();
  frozen.close();
});
