import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { memoryCooldowns } from '#cache/memory-cooldowns.ts';
import { defineEvent } from '#events/definition.ts';
import { createCodec } from '#events/encoding.ts';
import type { RecordedEvent } from '#events/event.ts';
import { openSubjectKeys } from '#events/subject-keys.ts';
import { type EmbeddedLog, openEmbeddedLog } from '#log/embedded/embedded-log.ts';
import type { Appended, EventLog, NotAppended, OwnedBy, Write } from '#log/event-log.ts';
import { errors, errorTable, type StrataError } from '../../errors.ts';
import type { CommandRequest, LocalBus } from '../bus.ts';
import { catalogue } from '../catalogue.ts';
import { createBus } from '../command-bus.ts';
import { type Domain, defineCommand, type Principal, type View } from '../domain.ts';
import { ForwardingBus } from './forwarding-bus.ts';
import type { Channel } from './member.ts';

// Jars that hold up to a limit, which is a reference; their events say what they were decided on. And keys that the server makes.
const jarErrors = errorTable({ 'jar.full': { status: 422, title: 'The jar is full' } });
const held: View<number> = {
  name: 'jar',
  initial: 0,
  evolve: (state, { type, data }) => (type === 'Filled' ? state + Number(data.amount) : state),
};
const limit: View<number> = {
  name: 'jar.limit',
  initial: 0,
  evolve: (state, { type, data }) => (type === 'LimitSet' ? Number(data.limit) : state),
};
const everyone = ['admin', 'account', 'system'] as const;
const jars: Domain = {
  name: 'jars',
  errors: jarErrors,
  events: [
    defineEvent({ type: 'Filled', schema: z.strictObject({ jar: z.string(), amount: z.int(), held: z.int() }) }),
    defineEvent({ type: 'LimitSet', schema: z.strictObject({ limit: z.int() }) }),
    defineEvent({ type: 'Shaken', schema: z.strictObject({ jar: z.string() }) }),
    defineEvent({ type: 'KeyCut', schema: z.strictObject({ key: z.string() }) }),
  ],
  commands: [
    defineCommand({
      type: 'Fill',
      schema: z.strictObject({ jar: z.string(), amount: z.int().min(0) }),
      roles: everyone,
      stream: ({ jar }) => `jar-${jar}`,
      view: held,
      references: () => ({ limit: { view: limit, stream: 'limits' } }),
      decide: ({ data }, state, references) => {
        if (data.amount === 0) return [];
        if (state + data.amount > Number(references.limit)) throw jarErrors.error('jar.full', `holds ${state}`);
        return [{ type: 'Filled', data: { ...data, held: state } }];
      },
    }),
    defineCommand({
      type: 'SetLimit',
      schema: z.strictObject({ limit: z.int() }),
      roles: ['admin'],
      stream: () => 'limits',
      view: limit,
      decide: ({ data }) => [{ type: 'LimitSet', data }],
    }),
    defineCommand({
      type: 'Shake',
      schema: z.strictObject({ jar: z.string() }),
      roles: everyone,
      stream: ({ jar }) => `jar-${jar}`,
      view: null,
      decide: ({ data }) => [{ type: 'Shaken', data }],
    }),
    defineCommand({
      type: 'CutKey',
      schema: z.strictObject({}),
      roles: everyone,
      stream: (_data, made) => `key-${made.key}`,
      view: held,
      make: (fresh) => ({ key: fresh.id('key'), secret: fresh.secret().secret }),
      secrets: ['secret'],
      decide: ({ made }) => [{ type: 'KeyCut', data: { key: made.key! } }],
    }),
  ],
  reactors: [],
  projections: [],
  commandRoutes: [],
  uploadRoutes: [],
  queryRoutes: [],
};

const admin: Principal = { role: 'admin', account: null, actor: 'admin' };
const known = catalogue([jars]);

/** Encodes the events of the jars. */
export const jarsCodec = createCodec([...known.events.values()]);

type MemberLog = EventLog & { headOffset(): number };

export type MemberOptions = {
  /** A log of its own, on an engine that members share; a view of the one that all have here unless told. */
  readonly log?: MemberLog;
  /** What this member says of a partition; the owner in `Members.owners` unless told. */
  readonly ownerOf?: (partition: number) => OwnedBy;
  readonly movingMsMax?: number;
};

/** One member: its own buses on a log that all share. */
export class TestMember {
  readonly address: string;
  readonly local: LocalBus;
  readonly bus: ForwardingBus;
  readonly reports: object[] = [];
  /** What posting to this member does besides; a test sets it. */
  onPost: (post: () => Promise<string>) => ReturnType<Channel['post']> = async (post) => ({
    ok: true,
    body: await post(),
  });
  readonly #close: () => Promise<void>;

  constructor(address: string, local: LocalBus, bus: ForwardingBus, close: () => Promise<void>) {
    this.address = address;
    this.local = local;
    this.bus = bus;
    this.#close = close;
  }

  send(type: string, data: unknown, more: Partial<CommandRequest> = {}) {
    return this.bus.handle({ type, data, caller: admin, idempotencyKey: null, expected: null, ...more });
  }

  async close(): Promise<void> {
    await this.bus.close();
    await this.#close();
  }
}

/** Members of one process on one log: `owners` says who owns each partition. */
export class Members {
  readonly #dir = mkdtempSync(join(tmpdir(), 'strata-members-'));
  readonly #members: TestMember[] = [];
  log!: EmbeddedLog;
  /** The addresses of the owners by partition, or `moving`; `null` where everybody writes everything. */
  owners: (string | 'moving')[] | null = ['http://a', 'http://b'];

  async open(): Promise<this> {
    this.log = await openEmbeddedLog({
      dir: join(this.#dir, 'log'),
      codec: jarsCodec,
      durability: 'os',
    });
    return this;
  }

  async join(address: string, options: MemberOptions = {}): Promise<TestMember> {
    const log = options.log ?? this.#viewOf(address, options);
    const keys = await openSubjectKeys({ dir: join(this.#dir, `keys-${this.#members.length}`) });
    const quiet = { lagMs: () => 0, fault: (): StrataError | null => null };
    const shared = { log, catalogue: known, ...quiet };
    const local = createBus({
      ...shared,
      keys,
      cooldowns: memoryCooldowns(),
      clock: Date.now,
      notBefore: 0,
    });
    const bus = new ForwardingBus({
      ...shared,
      local,
      address,
      openChannel: (to) => ({ post: (text) => this.#post(to, text), close: () => {} }),
      report: (message, fields) => member.reports.push({ message, ...fields }),
      ...(options.movingMsMax !== undefined && { movingMsMax: options.movingMsMax }),
    });
    const member = new TestMember(address, local, bus, () => keys.close());
    this.#members.push(member);
    void follow(log, bus);
    return member;
  }

  eventsOf(stream: string): Promise<RecordedEvent[]> {
    return Array.fromAsync(this.log.readStream(stream));
  }

  async close(): Promise<void> {
    for (const member of this.#members) await member.close();
    await this.log.close();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  async #post(address: string, text: string): ReturnType<Channel['post']> {
    const member = this.#members.find((each) => each.address === address);
    if (member === undefined) return { ok: false, reached: false, why: 'nobody listens' };
    return member.onPost(() => member.bus.receive(text));
  }

  /** The shared log as one member has it: it takes writes of its own partitions only. */
  #viewOf(address: string, options: MemberOptions): MemberLog {
    const { log } = this;
    const partitionOf = (stream: string) => (stream.endsWith('b') ? 1 : 0);
    const ownerOf = (partition: number): OwnedBy => {
      const owner = this.owners?.[partition] ?? address;
      if (owner === 'moving') return 'moving';
      return owner === address ? 'here' : { address: owner };
    };
    const append = async (writes: readonly Write[]): Promise<readonly (Appended | NotAppended)[]> => {
      const isOwn = writes.map(({ stream }) => ownerOf(partitionOf(stream)) === 'here');
      const results = await log.append(writes.filter((_, at) => isOwn[at]));
      let next = 0;
      return isOwn.map((isHere) =>
        isHere ? results[next++]! : { ok: false, error: errors.error('partition.moving', 'it is not ours') },
      );
    };
    return {
      id: log.id,
      epoch: log.epoch,
      isShared: true,
      partitionOf,
      ownerOf: options.ownerOf ?? ownerOf,
      append,
      settled: () => log.settled(),
      lastRevision: (stream) => log.lastRevision(stream),
      keyed: (stream, key) => log.keyed(stream, key),
      import: (events) => log.import(events),
      readStream: (stream, range) => log.readStream(stream, range),
      readAll: (range) => log.readAll(range),
      subscribe: (after) => log.subscribe(after),
      head: () => log.head(),
      headOffset: () => log.headOffset(),
      positionAt: (time) => log.positionAt(time),
      fault: () => log.fault(),
      close: () => log.close(),
    };
  }
}

async function follow(log: EventLog, bus: ForwardingBus): Promise<void> {
  for await (const { to } of log.subscribe(log.head())) bus.advance(to);
}
