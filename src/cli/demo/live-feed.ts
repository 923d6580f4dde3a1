import { WebSocket } from 'ws';
import { parsePosition, reaches } from '#events/position.ts';
import { readBoardFrame } from '#live/board-frame.ts';
import type { StrataClient } from '../client.ts';
import { CliFailure } from '../failure.ts';
import { formatBytes, formatCount } from '../progress.ts';
import type { Narrator } from './narrator.ts';

const OPEN_TIMEOUT_MS = 5_000;
const ARRIVE_TIMEOUT_MS = 5_000;

type LiveMessage = {
  readonly op: string;
  readonly topic?: string;
  readonly position?: string;
  readonly detail?: string;
  readonly event?: { readonly type: string; readonly position: string; readonly data: object };
};

/** One WebSocket connection that tells what arrives: events at once, board frames summed up. */
export class LiveFeed {
  readonly #socket: WebSocket;
  readonly #narrator: Narrator;
  readonly #waiting = new Map<string, (message: LiveMessage) => void>();
  #frames = 0;
  #frameBytes = 0;
  #framePixels = 0;
  #position: string | null = null;
  readonly #expected = new Map<() => void, string>();

  private constructor(socket: WebSocket, narrator: Narrator) {
    this.#socket = socket;
    this.#narrator = narrator;
    socket.on('message', (data: Buffer, binary: boolean) => (binary ? this.#frame(data) : this.#message(data)));
    socket.on('error', () => {});
  }

  /** Connects with the client's key. */
  static async open(client: StrataClient, narrator: Narrator): Promise<LiveFeed> {
    const socket = new WebSocket(`${client.url.replace(/^http/, 'ws')}/v1/live`, {
      headers: client.key === null ? {} : { Authorization: `Bearer ${client.key}` },
      handshakeTimeout: OPEN_TIMEOUT_MS,
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', (error) => reject(new CliFailure(`no live connection: ${error.message}`)));
    });
    return new LiveFeed(socket, narrator);
  }

  /** Resolves once the server has said `subscribed`. */
  async subscribe(topic: string): Promise<void> {
    const answer = new Promise<LiveMessage>((resolve) => this.#waiting.set(topic, resolve));
    this.#socket.send(JSON.stringify({ op: 'subscribe', topic }));
    const { op, detail } = await answer;
    if (op !== 'subscribed') throw new CliFailure(`the server refused to subscribe to ${topic}: ${detail ?? op}`);
  }

  /** Resolves once an event at or after the position has arrived, so that what is told next comes after it. */
  arrived(position: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new CliFailure(`position ${position} did not arrive within ${ARRIVE_TIMEOUT_MS / 1000} s`));
      }, ARRIVE_TIMEOUT_MS);
      const done = () => {
        clearTimeout(timer);
        this.#expected.delete(done);
        resolve();
      };
      this.#expected.set(done, position);
      this.#settle();
    });
  }

  /** Tells of the board frames so far, once those up to the position have arrived. */
  async tellFrames(topic: string, position: string): Promise<void> {
    await this.arrived(position);
    const [frames, pixels] = [this.#frames, this.#framePixels].map(formatCount);
    this.#narrator.live(topic, `${pixels} pixels in ${frames} binary frames, ${formatBytes(this.#frameBytes)}`);
  }

  close(): void {
    this.#socket.close();
  }

  #frame(data: Buffer): void {
    const frame = readBoardFrame(data);
    if (frame === null) return;
    this.#frames += 1;
    this.#frameBytes += data.length;
    this.#framePixels += frame.pixels.length;
    this.#arrive(frame.position);
  }

  #message(data: Buffer): void {
    // The contract of /v1/live.
    const message = JSON.parse(data.toString('utf8')) as LiveMessage;
    const { topic = '', event } = message;
    if (message.op === 'event' && event !== undefined) {
      this.#narrator.live(topic, `${event.type} at position ${event.position}`);
      this.#arrive(event.position);
      return;
    }
    this.#waiting.get(topic)?.(message);
    this.#waiting.delete(topic);
  }

  #arrive(position: string): void {
    this.#position = position;
    this.#settle();
  }

  #settle(): void {
    const position = this.#position;
    if (position === null) return;
    for (const [done, expected] of this.#expected) {
      if (reaches(parsePosition(position), parsePosition(expected))) done();
    }
  }
}
