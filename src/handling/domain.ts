import type { z } from 'zod';
import type { ErrorTable, StrataError } from '../errors.ts';
import type { EventDefinition } from '../events/definition.ts';
import type { EventData, Json, RecordedEvent } from '../events/event.ts';
import type { Db } from '../history/db.ts';
import type { DifferenceDefinition } from '../history/items/difference.ts';
import type { ItemDefinition } from '../history/items/items.ts';
import type { ProjectionDefinition } from '../history/projection.ts';
import type { QueryRoute } from '../history/routes.ts';
import type { DomainAudit } from './invariant.ts';
import type { CommandRoute, RevertRoute, UploadRoute } from './routes.ts';

export type Role = 'admin' | 'account' | 'system';

/** Who sends a command, as authentication found. */
export type Principal = {
  readonly role: Role;
  /** The account whose key it is; `null` for the admin and the system. */
  readonly account: string | null;
  /** As events record it: `admin`, `account:<id>`, `system`, `reactor:<name>`. */
  readonly actor: string;
};

/** An event as deciders see and make it: personal fields open. */
export type DomainEvent = { readonly type: string; readonly data: EventData };

/** What `evolve` sees. `at` never falls within a stream. */
export type StreamEvent = DomainEvent & { readonly at: number };

/** A state folded from one stream: a decider's own, or what another domain needs to know of it. */
export type View<State = unknown> = {
  /** Unique over all domains: `account`, `dapps.account`. */
  readonly name: string;
  readonly initial: State;
  /** Pure; never changes `state` in place. Types that it does not know leave the state as it is. */
  evolve(state: State, event: StreamEvent): State;
};

export type Reference = { readonly view: View; readonly stream: string };

/** Values that only the server can make, derived from caller and idempotency key where there is one. */
export type Fresh = {
  /** 32 hex digits; the same for the same caller, key and name. */
  id(name: string): string;
  /** A key to show once and its SHA-256 in hex; always random. */
  secret(): { readonly secret: string; readonly hash: string };
  /** How far the log has come, as a position's token. */
  position(): string;
};

/** A command as `decide` sees it. */
export type Command<Data = unknown> = {
  readonly type: string;
  readonly data: Data;
  /** ms since 1970; never below the stream's last. */
  readonly at: number;
  readonly caller: Principal;
  /** What `make` made; `{}` without one. */
  readonly made: { readonly [name: string]: string };
};

export type Admission = {
  /** Who waits for what: `board/<board>/<actor>`. */
  readonly key: string;
  readonly seconds: number;
  readonly refusal: (retryAfterSeconds: number) => StrataError;
};

/**
 * What may be asked for, and by whom. `decide` is pure: it returns events (none when nothing would change) or throws an
 * error of its domain's table.
 */
export type CommandDefinition<Data = unknown, State = unknown> = {
  readonly type: string;
  /** A strict object: unknown fields are refused. */
  readonly schema: z.ZodType<Data>;
  readonly roles: readonly Role[];
  /**
   * Names blobs by their hash, so an account's key sends it only through the upload route, which has seen the bytes: to
   * know a hash must not give what it names.
   */
  readonly uploadOnly?: boolean;
  /** Says what was at a position, so it is sent only by the revert route, which has read that; nobody sends it otherwise. */
  readonly revertOnly?: boolean;
  readonly stream: (data: Data, made: Command['made']) => string;
  /** The state that `decide` sees, folded from `stream`; `null` loads nothing and appends with `any`. */
  readonly view: View<State> | null;
  readonly references?: (data: Data, caller: Principal) => { readonly [name: string]: Reference };
  /** Made before deciding. Keys named in `secrets` are answered once and `null` ever after; they never reach events. */
  readonly make?: (fresh: Fresh) => { readonly [name: string]: string };
  readonly secrets?: readonly string[];
  /** Taken before deciding, given back when certainly not appended. */
  readonly admission?: (
    data: Data,
    references: { readonly [name: string]: unknown },
    caller: Principal,
  ) => Admission | null;
  readonly decide: (
    command: Command<Data>,
    state: State,
    references: { readonly [name: string]: unknown },
  ) => readonly DomainEvent[];
};

/** Keeps the types of one definition together, then forgets them: the bus handles all commands alike. */
export function defineCommand<Data, State>(definition: CommandDefinition<Data, State>): CommandDefinition {
  // `decide` only ever meets data that passed `schema` and a state that `view` made.
  return definition as unknown as CommandDefinition;
}

export type ReactorCommand = {
  readonly type: string;
  readonly data: { readonly [name: string]: Json };
  /** When it is due, ms since 1970; `null` at once. */
  readonly dueAt: number | null;
};

/** What follows from events: at least once in, once in effect. Runs after the sync, with a durable cursor. */
export type Reactor = {
  readonly name: string;
  readonly react: (event: RecordedEvent) => readonly ReactorCommand[];
};

/** A command that erases what belonged to what was erased. */
export type ErasedWith = Pick<ReactorCommand, 'type' | 'data'>;

/** Which blobs a domain's documents name: those that no domain names are orphans. */
export type BlobReferences = {
  /** True when a document names the blob. */
  readonly isNamed: (db: Db, sha256: string) => boolean;
  /** The blobs that an erasure may have taken the last reference of. */
  readonly releasedBy?: (erasure: RecordedEvent) => readonly string[];
  /** Blobs that name further ones. */
  readonly manifests?: {
    readonly all: (db: Db) => Iterable<string>;
    /** The blobs that the manifest with these bytes names. */
    readonly named: (bytes: Buffer) => readonly string[];
  };
};

/** One domain: a line in `src/domains.ts`. */
export type Domain = {
  readonly name: string;
  readonly events: readonly EventDefinition[];
  readonly commands: readonly CommandDefinition[];
  readonly errors: ErrorTable;
  readonly reactors: readonly Reactor[];
  readonly projections: readonly ProjectionDefinition[];
  /** What diffs and counts are asked `in`. */
  readonly items?: readonly ItemDefinition[];
  /** What else diffs are asked `in`: `boards/{board}`. */
  readonly differences?: readonly DifferenceDefinition[];
  readonly commandRoutes: readonly CommandRoute[];
  readonly uploadRoutes: readonly UploadRoute[];
  readonly revertRoutes?: readonly RevertRoute[];
  readonly queryRoutes: readonly QueryRoute[];
  /** What must hold over the whole log, and which blobs must be there. */
  readonly audit?: DomainAudit;
  /** The command that erases the subject for good, or `null` for a subject of another domain. */
  readonly erasure?: (subject: string) => Pick<ReactorCommand, 'type' | 'data'> | null;
  /**
   * Commands that erase what belonged to what the event erased: some of what is still there, asked again until there is
   * none.
   */
  readonly erasedWith?: (erasure: RecordedEvent, db: Db) => readonly ErasedWith[];
  /** Which blobs its documents name. */
  readonly blobs?: BlobReferences;
  /** How admissions are found again in the log after a start. */
  readonly admissions?: {
    /** How far back they matter, in seconds. */
    readonly windowSeconds: (db: Db) => number;
    /** The admission key that the event took, or `null`. */
    readonly keyOf: (event: RecordedEvent) => string | null;
  };
};

/** What an accepted command is answered with; the HTTP answer adds what its route adds. */
export type Accepted = {
  /** The last event's position; without events, how far the log had come. */
  readonly position: string;
  readonly stream: string;
  /** The stream's last revision, -1 while it is empty. */
  readonly revision: number;
  readonly events: readonly RecordedEvent[];
  /** True when the answer is an earlier one again. */
  readonly replayed: boolean;
  /** What the server made; secrets are `null` in a replayed answer. */
  readonly made: { readonly [name: string]: string | null };
};
