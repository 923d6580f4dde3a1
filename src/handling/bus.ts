import type { StrataError } from '../errors.ts';
import type { AddressedCommand } from './addressed-command.ts';
import type { Accepted, Command, Principal } from './domain.ts';

export type CommandRequest = {
  readonly type: string;
  /** As it came: the bus checks it against the command's schema. */
  readonly data: unknown;
  readonly caller: Principal;
  /** 1-255 printable ASCII characters. */
  readonly idempotencyKey: string | null;
  /** What the key stands for, where `data` may be other at a retry: what was asked for, before it was looked up. */
  readonly asked?: unknown;
  /** A revision that the stream must be at; `as` tells which error a mismatch is. */
  readonly expected: { readonly revision: number; readonly as: 'conflict' | 'precondition' } | null;
  /** An offset that the caller knows of: members decide on nothing older than that. */
  readonly after?: number;
  /** Id of the event that a reactor answers; only reactors set it. */
  readonly causation?: string;
  /** What another member made for it already: its stream's name may rest on that. */
  readonly made?: Command['made'];
};

export type Result = Accepted | StrataError;

/** The command bus: authorise, load, decide, append, acknowledge. */
export interface Bus {
  /**
   * Handles one command. `done` is called once, after the sync of what the answer rests on; it may be called before
   * `submit` returns when the request is refused for its shape. Commands on one stream are decided in the order of calls.
   */
  submit(request: CommandRequest, done: (result: Result) => void): void;
  /** As `submit`. @throws the refusal. */
  handle(request: CommandRequest): Promise<Accepted>;
  /** Resolves when all that was submitted is answered; later submissions are refused with `server.busy`. */
  close(): Promise<void>;
}

/** The bus of this member: it decides only what this member owns, and refuses the rest with `partition.moving`. */
export interface LocalBus extends Bus {
  /** As `submit`, for a command that was addressed already. */
  take(command: AddressedCommand, done: (result: Result) => void): void;
}
