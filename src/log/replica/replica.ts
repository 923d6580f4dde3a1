import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';
import type { Codec } from '#events/encoding.ts';
import { type EmbeddedLog, openEmbeddedLog } from '#log/embedded/embedded-log.ts';
import { isLocked } from '#log/embedded/folder-lock.ts';
import { Segments } from '#log/embedded/segments.ts';
import type { LogId, RecordedWrite } from '#log/event-log.ts';
import { errors, isStrataError } from '../../errors.ts';
import { readSavedPlace, type SavedPlace, writeSavedPlace } from './saved-place.ts';

type Prepare = (writes: readonly RecordedWrite[]) => Promise<void>;

export type ReplicaOptions<State> = {
  /** Made if it is missing. */
  readonly dir: string;
  /** The engine's log; a folder with another one is emptied. */
  readonly id: LogId;
  readonly epoch: number;
  /** Where the engine has it, as its topic: a replica that was read from elsewhere, as before a migration, is made again. */
  readonly source: string;
  readonly codec: Codec;
  /** What an engine remembers of where it read. */
  readonly state: z.ZodType<State>;
  /** Awaited with the engine's next writes before they can be read here, as for keys that their fields are sealed with. */
  readonly prepare?: Prepare;
  readonly report?: (message: string) => void;
};

/**
 * Opens a member's copy of a log that an engine has, in segment files of the embedded engine. It is a cache: what is not of
 * this log, or damaged, is removed, and comes from the engine again.
 * @throws log.locked, or what the disk says
 */
export async function openReplica<State>(options: ReplicaOptions<State>): Promise<Replica<State>> {
  const { dir, report = () => undefined } = options;
  if (isOfAnotherLog(options)) empty(dir, 'it is of another log', report);
  try {
    return await open(options);
  } catch (error) {
    if (!isStrataError(error, 'log.corrupt') && !isStrataError(error, 'log.other-engine')) throw error;
    empty(dir, error.message, report);
    return open(options);
  }
}

async function open<State>(options: ReplicaOptions<State>): Promise<Replica<State>> {
  const { dir, id, epoch, source, codec, state, prepare = async () => undefined, report } = options;
  // The engine has it: a sync here would make nothing safer.
  const durability = 'os';
  const identity = { id, epoch };
  const log = await openEmbeddedLog({ dir, codec, durability, identity, ...(report !== undefined && { report }) });
  try {
    const place = readSavedPlace(dir, state);
    if (place !== null) requirePlace(log, source, place);
    return new Replica(log, source, place, prepare);
  } catch (error) {
    await log.close();
    throw error;
  }
}

/** A log in the order of its engine, which every member has: its positions are the same on all of them. */
export class Replica<State> {
  /** For reading; only `replicate` writes. */
  readonly log: EmbeddedLog;
  /** Where the engine is read on; `null`: from its beginning. */
  readonly saved: State | null;
  /** The offset of the next event that comes from the engine: at most the log's next one. */
  #next: number;
  readonly #source: string;
  readonly #prepare: Prepare;
  #saving: Promise<void> = Promise.resolve();

  constructor(log: EmbeddedLog, source: string, place: SavedPlace<State> | null, prepare: Prepare) {
    this.log = log;
    this.#source = source;
    this.#prepare = prepare;
    this.saved = place?.state ?? null;
    this.#next = (place?.offset ?? 0) + 1;
  }

  /**
   * Takes over the engine's next writes; one call at a time. Resolves with them as they lie in the log, once they can be
   * read. What came in since the place was saved is known again.
   * @throws log.other-engine where it is not the same; log.disk-full and the like, and then the same writes are to be given again
   */
  async replicate(writes: readonly RecordedWrite[]): Promise<readonly RecordedWrite[]> {
    const placed: RecordedWrite[] = [];
    let next = this.#next;
    while (placed.length < writes.length && next <= this.log.headOffset()) {
      const known = await this.#known(writes[placed.length]!, next);
      placed.push(known);
      next += known.length;
    }
    const rest = placed.length === 0 ? writes : writes.slice(placed.length);
    if (rest.length > 0) {
      await this.#prepare(rest);
      for (const write of await this.log.replicate(rest)) {
        placed.push(write);
        next += write.length;
      }
    }
    // Not before: after a failure the same writes are given again, those too that were known.
    this.#next = next;
    return placed;
  }

  /** Remembers where the engine is to be read on after what was replicated up to now. */
  save(state: State): Promise<void> {
    const offset = this.#next - 1;
    const eventId = offset === 0 ? '' : this.log.reader().at(offset).id;
    const place = { id: this.log.id, epoch: this.log.epoch, source: this.#source, offset, eventId, state };
    this.#saving = this.#saving.then(() => writeSavedPlace(this.log.dir, place));
    return this.#saving;
  }

  async close(): Promise<void> {
    await this.#saving.catch(() => undefined);
    await this.log.close();
  }

  async #known(write: RecordedWrite, from: number): Promise<RecordedWrite> {
    const known = write.map((_, at) => this.log.reader().at(from + at));
    const other = write.findIndex(({ id }, at) => known[at]!.id !== id);
    if (other !== -1) {
      // The next start makes it again.
      await writeSavedPlace(this.log.dir, null);
      throw otherEngine(from + other, known[other]!.id, write[other]!.id);
    }
    return known;
  }
}

function isOfAnotherLog({ dir, id, epoch }: ReplicaOptions<unknown>): boolean {
  let found: Segments | null;
  try {
    found = Segments.open(dir);
  } catch {
    // Opening it tells what is wrong.
    return false;
  }
  return found !== null && (found.header.logId !== id || found.header.epoch !== epoch);
}

function requirePlace(log: EmbeddedLog, source: string, place: SavedPlace<unknown>): void {
  const { id, epoch, offset, eventId } = place;
  if (place.source !== source)
    throw errors.error('log.other-engine', `it was read from ${place.source}, not ${source}`);
  if (id !== log.id || epoch !== log.epoch || offset > log.headOffset()) {
    throw errors.error('log.other-engine', `the replica ends at ${log.headOffset()}, and was read up to ${offset}`);
  }
  if (offset === 0) return;
  const event = log.reader().at(offset);
  if (event.id !== eventId) throw otherEngine(offset, event.id, eventId);
}

function otherEngine(offset: number, here: string, there: string) {
  return errors.error(
    'log.other-engine',
    `the replica has the event ${here} at ${offset}, where the engine has ${there}`,
  );
}

/** @throws log.locked where another process has it */
function empty(dir: string, why: string, report: (message: string) => void): void {
  if (isLocked(dir)) throw errors.error('log.locked', `${dir} is another process's`);
  report(`the replica in ${dir} is made again from the engine: ${why}`);
  for (const name of readdirSync(dir)) rmSync(join(dir, name), { recursive: true, force: true });
}
