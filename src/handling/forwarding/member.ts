import type { ChannelAnswer } from '#cluster/member-channel.ts';
import { assert } from '../../assert.ts';
import type { AddressedCommand } from '../addressed-command.ts';
import type { Result } from '../bus.ts';
import { decodeResults, encodeCommand, FORWARDED_MAX } from './forwarded-command.ts';

/** Requests to one member that are under way at once at most. */
const CHANNELS = 4;
/** Text of one request, in characters, beyond which no further command goes into it. */
const REQUEST_LENGTH_MAX = 1024 * 1024;

/** What a member answered; or that it may (`unknown`) or cannot (`unreached`) have handled the command. */
export type Forwarded =
  | { readonly kind: 'answered'; readonly result: Result }
  | { readonly kind: 'unknown' | 'unreached'; readonly why: string };

type Item = { readonly stream: string; readonly text: string; readonly done: (forwarded: Forwarded) => void };

/** The part of a channel that is used. */
export type Channel = { post(text: string): Promise<ChannelAnswer>; close(): void };

type Lane = { readonly channel: Channel; queue: Item[]; isBusy: boolean };

export type MemberOptions = {
  readonly openChannel: () => Channel;
  /** How far this member's log has come, as a position's token. */
  readonly position: () => string;
};

/**
 * The way to one other member. Commands of one turn go as one request, over a few channels with one request each under way:
 * those on one stream take the same channel, so they arrive in order.
 */
export class Member {
  readonly #options: MemberOptions;
  readonly #lanes: Lane[] = [];
  /** Which lane a stream takes while commands on it are under way, and how many are. */
  readonly #streams = new Map<string, { readonly lane: Lane; commands: number }>();
  /** The lane that takes what comes in this turn. */
  #open: Lane | null = null;

  constructor(options: MemberOptions) {
    this.#options = options;
  }

  /** How many commands wait for this member's answer. */
  get underWay(): number {
    let commands = 0;
    for (const route of this.#streams.values()) commands += route.commands;
    return commands;
  }

  /** Calls back once, later. @throws TypeError for a command that is not JSON */
  send(command: AddressedCommand, done: (forwarded: Forwarded) => void): void {
    const { stream } = command;
    const item = { stream, text: encodeCommand(command), done };
    const route = this.#streams.get(stream) ?? { lane: this.#freeLane(), commands: 0 };
    route.commands += 1;
    this.#streams.set(stream, route);
    route.lane.queue.push(item);
  }

  close(): void {
    for (const { channel } of this.#lanes) channel.close();
  }

  #freeLane(): Lane {
    if (this.#open !== null) return this.#open;
    let lane = this.#lanes.find(({ isBusy }) => !isBusy);
    if (lane === undefined && this.#lanes.length < CHANNELS) {
      lane = { channel: this.#options.openChannel(), queue: [], isBusy: false };
      this.#lanes.push(lane);
    }
    lane ??= this.#lanes.reduce((shortest, next) => (next.queue.length < shortest.queue.length ? next : shortest));
    this.#open = lane;
    const chosen = lane;
    setImmediate(() => {
      this.#open = null;
      if (!chosen.isBusy) void this.#drain(chosen);
    });
    return lane;
  }

  async #drain(lane: Lane): Promise<void> {
    lane.isBusy = true;
    while (lane.queue.length > 0) {
      const { items, text } = this.#nextRequest(lane);
      const answered = await lane.channel.post(text);
      const forwarded = outcomes(answered, items.length);
      for (const { stream } of items) this.#leave(stream);
      for (const [at, { done }] of items.entries()) done(forwarded[at]!);
    }
    lane.isBusy = false;
  }

  #nextRequest(lane: Lane): { items: readonly Item[]; text: string } {
    const texts: string[] = [];
    let length = 0;
    while (texts.length < lane.queue.length && texts.length < FORWARDED_MAX && length < REQUEST_LENGTH_MAX) {
      const { text } = lane.queue[texts.length]!;
      length += text.length;
      texts.push(text);
    }
    const items = lane.queue.slice(0, texts.length);
    lane.queue = lane.queue.slice(texts.length);
    return { items, text: `{"after":"${this.#options.position()}","commands":[${texts.join(',')}]}` };
  }

  #leave(stream: string): void {
    const route = this.#streams.get(stream);
    assert(route !== undefined, 'a stream with commands under way has a lane');
    route.commands -= 1;
    if (route.commands === 0) this.#streams.delete(stream);
  }
}

function outcomes(answered: ChannelAnswer, count: number): readonly Forwarded[] {
  if (!answered.ok) {
    const kind = answered.reached ? 'unknown' : 'unreached';
    return new Array<Forwarded>(count).fill({ kind, why: answered.why });
  }
  try {
    return decodeResults(answered.body, count).map((result) => ({ kind: 'answered', result }));
  } catch (error) {
    return new Array<Forwarded>(count).fill({ kind: 'unknown', why: `its answer is not understood: ${error}` });
  }
}
