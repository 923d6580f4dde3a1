import WebSocket from 'ws';
import { program, type Row } from './load/program.ts';
import { startRawServer } from './load/raw-server.ts';
import { compare } from './load/rounds.ts';
import { StrataServer } from './load/strata-server.ts';
import { requireWrk } from './load/wrk.ts';

const BOARD = 'bench';
const SIDE = 1000;
const COLORS = 16;
const CONNECTIONS = 256;
const ROUNDS = 3;
const RATIO_GOAL = 0.6;
const LAG_SECONDS_GOAL = 1;

await program({
  file: 'bench/place-pixel.ts',
  seconds: 8,
  about: `PUT of random pixels over HTTP on ${CONNECTIONS} connections, each answered after fdatasync, with every projection
and a live subscriber on; against a raw uWebSockets.js handler that parses the same bodies and answers the same bytes.
In turns, ${ROUNDS} rounds each, the median counts. Goals: ${RATIO_GOAL} of the raw rate, and projections at most ${LAG_SECONDS_GOAL} s
behind at the end. The load generator shares the machine.`,
  run: ({ seconds }) => measure(seconds),
});

async function measure(seconds: number): Promise<Row[]> {
  requireWrk();
  const strata = await StrataServer.start();
  const board = { width: SIDE, height: SIDE, cooldownSeconds: 0 };
  await strata.call('PUT', `/v1/boards/${BOARD}`, board);
  const raw = await startRawServer(await strata.call('PUT', `/v1/boards/${BOARD}/pixels/1/1`, { color: 1 }));
  const live = await subscribe(strata);
  try {
    const settings = { BOARD, SIDE: String(SIDE), COLORS: String(COLORS), KEY: strata.key };
    const load = { script: 'random-pixels.lua', connections: CONNECTIONS, seconds } as const;
    const compared = await compare(load, { url: strata.url, settings }, { url: raw.url, settings }, ROUNDS);
    // The rounds end with the raw handler's: one more, so that the lag is that of a server under load.
    await compare(
      { ...load, seconds: Math.min(seconds, 3) },
      { url: raw.url, settings },
      { url: strata.url, settings },
      1,
    );
    const lagSeconds = await lag(strata);
    if (live.frames() === 0) throw new Error('the live subscriber saw nothing');
    return [
      {
        subject: 'raw uWebSockets.js',
        'requests/s': compared.raw.perSecond,
        'p50 ms': compared.raw.p50Ms,
        'p99 ms': compared.raw.p99Ms,
        ratio: null,
        'lag s': null,
      },
      {
        subject: 'Strata',
        'requests/s': compared.strata.perSecond,
        'p50 ms': compared.strata.p50Ms,
        'p99 ms': compared.strata.p99Ms,
        ratio: compared.ratio,
        'lag s': lagSeconds,
      },
      {
        subject: 'goal',
        'requests/s': null,
        'p50 ms': null,
        'p99 ms': null,
        ratio: RATIO_GOAL,
        'lag s': LAG_SECONDS_GOAL,
      },
    ];
  } finally {
    live.close();
    await raw.stop();
    await strata.stop();
  }
}

/** How long the projections take to reach what was just written. */
async function lag(strata: StrataServer): Promise<number> {
  const answer = await strata.call('PUT', `/v1/boards/${BOARD}/pixels/0/0`, { color: 0 });
  const { position } = (await answer.json()) as { position: string };
  const startMs = performance.now();
  await strata.call('GET', `/v1/boards/${BOARD}/pixels/0/0`, undefined, { 'Strata-Min-Position': position });
  return (performance.now() - startMs) / 1000;
}

async function subscribe(strata: StrataServer): Promise<{ frames(): number; close(): void }> {
  const socket = new WebSocket(`${strata.url.replace('http', 'ws')}/v1/live`);
  let frames = 0;
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('open', () => socket.send(JSON.stringify({ op: 'subscribe', topic: `boards/${BOARD}` })));
    socket.on('message', (_, binary) => {
      if (binary) frames += 1;
      else resolve();
    });
  });
  return { frames: () => frames, close: () => socket.close() };
}
