import { formatPosition, parsePosition } from '#events/position.ts';
import type { LocalLog } from '#log/local-log.ts';
import type { Readings } from '#telemetry/metrics.ts';
import { errors, isStrataError, StrataError } from '../../errors.ts';
import { type AddressedCommand, addressCommand } from '../addressed-command.ts';
import type { Bus, CommandRequest, LocalBus, Result } from '../bus.ts';
import type { Catalogue } from '../catalogue.ts';
import type { Accepted } from '../domain.ts';
import { HeadWatch } from './head-watch.ts';
import { type Channel, type Forwarded, Member } from './member.ts';
import { receiveCommands } from './received-commands.ts';

/** How long a command waits for its partition to have an owner. */
const MOVING_MS_MAX = 3_000;
/** How often it is looked who that is. */
const LOOK_MS = 20;
/** Commands that are not answered yet; beyond it, `server.busy`. */
const IN_FLIGHT_MAX = 20_000;
/** Commands that wait for an owner; beyond it, `partition.moving` at once. */
const WAITING_MAX = 10_000;
/** How long an answer waits for this member's log to have what it tells of. */
const FOLLOW_MS_MAX = 5_000;
/** Members whose channels are kept open. */
const MEMBERS_MAX = 64;

export type ForwardingOptions = {
  /** Handles what this member owns. */
  readonly local: LocalBus;
  readonly log: Pick<LocalLog, 'head' | 'headOffset' | 'ownerOf' | 'partitionOf'>;
  readonly catalogue: Catalogue;
  /** Where the others reach this member; `null` where they cannot. */
  readonly address: string | null;
  readonly openChannel: (address: string) => Channel;
  /** Why nothing may be written now, or `null`. */
  readonly fault: () => StrataError | null;
  /** Told, at most once a second, of members that cannot be reached. */
  readonly report: (message: string, fields: { readonly [name: string]: string }) => void;
  /** 3 s unless told. */
  readonly movingMsMax?: number;
};

/** A command that is not answered, and until when it may look for an owner; ms of `performance.now()`. */
type Journey = {
  readonly command: AddressedCommand;
  readonly done: (result: Result) => void;
  readonly untilMs: number;
};

/**
 * The bus of a member among others: a command goes to whoever owns its stream's partition. While a partition moves, its
 * commands wait, in order. What came back as certainly not appended, or has a key, is sent again while there is time.
 */
export class ForwardingBus implements Bus {
  readonly counts = { forwarded: 0, received: 0, waited: 0 };
  readonly readings: Readings = {
    strata_commands_forwarded_total: () => this.counts.forwarded,
    strata_commands_waited_total: () => this.counts.waited,
    strata_forwarded_batches_received_total: () => this.counts.received,
  };
  readonly #options: ForwardingOptions;
  readonly #movingMsMax: number;
  readonly #members = new Map<string, Member>();
  /** By partition, in order. */
  readonly #waiting = new Map<number, Journey[]>();
  #waitingCount = 0;
  #timer: NodeJS.Timeout | null = null;
  readonly #head: HeadWatch;
  #inFlight = 0;
  #isClosing = false;
  #whenIdle: (() => void) | null = null;
  #reportedMs = Number.NEGATIVE_INFINITY;

  readonly #position = (): string => formatPosition(this.#options.log.head());

  constructor(options: ForwardingOptions) {
    this.#options = options;
    this.#movingMsMax = options.movingMsMax ?? MOVING_MS_MAX;
    this.#head = new HeadWatch(() => options.log.headOffset());
  }

  /** To be called whenever this member's log has grown. */
  advance(to: number): void {
    this.#head.advance(to);
  }

  submit(request: CommandRequest, done: (result: Result) => void): void {
    let command: AddressedCommand;
    try {
      this.#admit();
      command = addressCommand(this.#options.catalogue, request, this.#position);
    } catch (cause) {
      const failed = () => errors.error('server.failed', 'the command could not be handled', { cause });
      done(cause instanceof StrataError ? cause : failed());
      return;
    }
    this.#inFlight += 1;
    const { after = 0 } = request;
    if (after <= this.#options.log.headOffset()) this.#start(this.#journey(command, done));
    else void this.#follow(after, this.#journey(command, done));
  }

  handle(request: CommandRequest): Promise<Accepted> {
    return new Promise((resolve, reject) => {
      this.submit(request, (result) => (result instanceof StrataError ? reject(result) : resolve(result)));
    });
  }

  /** What another member sent; see `receiveCommands`. */
  receive(text: string): Promise<string> {
    this.counts.received += 1;
    return receiveCommands(text, this.#options.local, this.#head);
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
    for (const member of this.#members.values()) member.close();
    await this.#options.local.close();
  }

  #journey(command: AddressedCommand, done: (result: Result) => void): Journey {
    return { command, done, untilMs: performance.now() + this.#movingMsMax };
  }

  /** The caller has seen more than this member has. */
  async #follow(after: number, { command, done }: Journey): Promise<void> {
    if (await this.#head.waitFor(after, FOLLOW_MS_MAX)) this.#start(this.#journey(command, done));
    else {
      const detail = `this member has not come as far as ${after} yet`;
      const journey = this.#journey(command, done);
      this.#answer(journey, errors.error('history.not-yet', detail, { retryAfterSeconds: 1 }));
    }
  }

  #admit(): void {
    const fault = this.#options.fault();
    if (fault !== null) throw fault;
    if (this.#isClosing || this.#inFlight >= IN_FLIGHT_MAX) {
      throw errors.error('server.busy', 'too many commands are in flight', { retryAfterSeconds: 1 });
    }
  }

  /** Commands of a partition that others wait for go behind them. */
  #start(journey: Journey): void {
    const partition = this.#partitionOf(journey);
    if (this.#waiting.has(partition)) this.#wait(journey);
    else this.#send(journey, this.#ownerOf(partition));
  }

  #send(journey: Journey, owner: 'here' | 'moving' | { readonly address: string }): void {
    const { command } = journey;
    if (owner === 'moving') this.#wait(journey);
    else if (owner === 'here') this.#options.local.take(command, (result) => this.#arrived(journey, result));
    else {
      this.counts.forwarded += 1;
      const { address } = owner;
      this.#member(address).send(command, (forwarded) => this.#returned(journey, address, forwarded));
    }
  }

  #returned(journey: Journey, address: string, forwarded: Forwarded): void {
    if (forwarded.kind === 'answered') {
      const { result } = forwarded;
      if (result instanceof StrataError) this.#arrived(journey, result);
      else void this.#followed(result).then(() => this.#answer(journey, result));
      return;
    }
    this.#report(address, forwarded.why);
    // The key makes what is sent again one effect.
    if (forwarded.kind === 'unreached' || journey.command.mark !== null) {
      this.#wait(journey);
      return;
    }
    const detail = `the member that owns ${journey.command.stream} was lost before it answered`;
    this.#answer(journey, errors.error('command.outcome-unknown', detail));
  }

  /** A client that goes on here finds what it was told. */
  #followed({ position }: Accepted): Promise<boolean> {
    return this.#head.waitFor(parsePosition(position).offsets[0]!, FOLLOW_MS_MAX);
  }

  #arrived(journey: Journey, result: Result): void {
    if (isStrataError(result, 'partition.moving')) this.#wait(journey);
    else this.#answer(journey, result);
  }

  #wait(journey: Journey): void {
    if (this.#waitingCount >= WAITING_MAX || performance.now() >= journey.untilMs) {
      this.#giveUp(journey);
      return;
    }
    const partition = this.#partitionOf(journey);
    const waiting = this.#waiting.get(partition) ?? [];
    waiting.push(journey);
    this.#waiting.set(partition, waiting);
    this.#waitingCount += 1;
    this.counts.waited += 1;
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS);
  }

  /** Sends on what has an owner now, and gives up on what waited too long. */
  #look(): void {
    const now = performance.now();
    for (const [partition, waiting] of [...this.#waiting]) {
      const owner = this.#ownerOf(partition);
      const [late, others] = partitioned(waiting, ({ untilMs }) => now >= untilMs);
      this.#waitingCount -= owner === 'moving' ? late.length : waiting.length;
      if (owner === 'moving' && others.length > 0) this.#waiting.set(partition, others);
      else this.#waiting.delete(partition);
      for (const journey of late) this.#giveUp(journey);
      if (owner !== 'moving') for (const journey of others) this.#send(journey, owner);
    }
    if (this.#waiting.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  #giveUp(journey: Journey): void {
    const detail = `${journey.command.stream} is moving from one member to another`;
    this.#answer(journey, errors.error('partition.moving', detail, { retryAfterSeconds: 1 }));
  }

  #answer({ done }: Journey, result: Result): void {
    this.#inFlight -= 1;
    done(result);
    if (this.#inFlight === 0) this.#whenIdle?.();
  }

  #partitionOf({ command }: Journey): number {
    return this.#options.log.partitionOf(command.stream);
  }

  #ownerOf(partition: number): 'here' | 'moving' | { readonly address: string } {
    const owner = this.#options.log.ownerOf(partition);
    // An owner at this address that is not this process was here before it.
    return typeof owner === 'object' && owner.address === this.#options.address ? 'moving' : owner;
  }

  #member(address: string): Member {
    const known = this.#members.get(address);
    if (known !== undefined) return known;
    if (this.#members.size >= MEMBERS_MAX) this.#closeIdle();
    const openChannel = () => this.#options.openChannel(address);
    const member = new Member({ openChannel, position: this.#position });
    this.#members.set(address, member);
    return member;
  }

  #closeIdle(): void {
    for (const [address, member] of this.#members) {
      if (member.underWay > 0) continue;
      member.close();
      this.#members.delete(address);
    }
  }

  #report(address: string, why: string): void {
    const now = performance.now();
    if (now - this.#reportedMs < 1000) return;
    this.#reportedMs = now;
    this.#options.report('a member cannot be reached', { address, why });
  }
}

function partitioned<Item>(items: readonly Item[], isFirst: (item: Item) => boolean): [Item[], Item[]] {
  const [first, second]: [Item[], Item[]] = [[], []];
  for (const item of items) (isFirst(item) ? first : second).push(item);
  return [first, second];
}
