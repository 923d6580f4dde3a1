import { hash } from 'node:crypto';
import { type Database, open, type RootDatabase } from 'lmdb';
import type { RecordedEvent } from '#events/event.ts';

/** Offsets in one posting list: a list is rewritten while it is shorter. */
const LIST_OFFSETS_MAX = 256;
const WEEK_MS = 7 * 24 * 60 * 60 * 1000;
/** Streams whose head is kept in memory. */
const HEADS_KEPT_MAX = 50_000;
const CHECKPOINT = Buffer.from('checkpoint');

export type IndexCheckpoint = { readonly offset: number; readonly hash: string };

/** What of a stream is not yet in the trees. */
type Fresh = { first: number; readonly offsets: number[] };

type Head = { readonly lastRevision: number; readonly listFirst: number };

/**
 * Where each stream's events lie, and which keys were used: derived from the log, in LMDB, so that a million streams cost
 * disk and not memory. What was synced since the last commit is in memory.
 */
export class StreamIndex {
  readonly #root: RootDatabase<Buffer, Buffer>;
  /** hash of stream -> last revision, first revision of the last posting list. */
  readonly #heads: Database<Buffer, Buffer>;
  /** hash of stream, first revision -> offsets as deltas. */
  readonly #lists: Database<Buffer, Buffer>;
  readonly #meta: Database<Buffer, Buffer>;
  #fresh = new Map<string, Fresh>();
  #freshKeys = new Map<string, { readonly offset: number; readonly week: number }>();
  #writing = new Map<string, Fresh>();
  #writingKeys = new Map<string, { readonly offset: number; readonly week: number }>();
  #kept = new Map<string, Head>();
  #committing: Promise<void> | null = null;

  constructor(dir: string) {
    const options = { encoding: 'binary', keyEncoding: 'binary' } as const;
    this.#root = open<Buffer, Buffer>({ path: dir, maxDbs: 64, overlappingSync: true, ...options });
    this.#heads = this.#root.openDB({ name: 'heads', ...options });
    this.#lists = this.#root.openDB({ name: 'lists', ...options });
    this.#meta = this.#root.openDB({ name: 'meta', ...options });
    this.#forgetOldKeys();
  }

  get checkpoint(): IndexCheckpoint | null {
    const bytes = this.#meta.get(CHECKPOINT);
    return bytes === undefined ? null : (JSON.parse(bytes.toString()) as IndexCheckpoint);
  }

  /** Forgets everything: it is made again from the log. */
  async clear(): Promise<void> {
    await this.#heads.clearAsync();
    await this.#lists.clearAsync();
    await this.#meta.clearAsync();
    this.#kept.clear();
  }

  /** Takes in a synced event. */
  add(event: Pick<RecordedEvent, 'stream' | 'revision' | 'offset' | 'recordedAt' | 'keyMark'>): void {
    const fresh = this.#fresh.get(event.stream);
    if (fresh === undefined) this.#fresh.set(event.stream, { first: event.revision, offsets: [event.offset] });
    else fresh.offsets.push(event.offset);
    const { keyMark } = event;
    if (keyMark === null) return;
    const name = `${keyMark.key}${event.stream}`;
    if (!this.#freshKeys.has(name)) {
      this.#freshKeys.set(name, { offset: event.offset, week: Math.floor(event.recordedAt / WEEK_MS) });
    }
  }

  /** The last synced revision, -1 for a stream that is not there. */
  lastRevision(stream: string): number {
    const fresh = this.#fresh.get(stream) ?? this.#writing.get(stream);
    return fresh === undefined ? this.#head(stream).lastRevision : fresh.first + fresh.offsets.length - 1;
  }

  /** The offsets of the revisions from `from` to `to`, both included and there. */
  offsets(stream: string, from: number, to: number): number[] {
    const offsets: number[] = [];
    const { lastRevision } = this.#head(stream);
    if (from <= lastRevision) this.#listed(stream, from, Math.min(to, lastRevision), offsets);
    for (const fresh of [this.#writing.get(stream), this.#fresh.get(stream)]) {
      if (fresh === undefined) continue;
      for (let at = Math.max(0, from + offsets.length - fresh.first); at < fresh.offsets.length; at += 1) {
        if (fresh.first + at <= to) offsets.push(fresh.offsets[at]!);
      }
    }
    return offsets;
  }

  /** The offset of the first event that the key wrote to the stream in this week or the one before, or 0. */
  keyed(stream: string, key: string, nowMs: number): number {
    const name = `${key}${stream}`;
    const recent = this.#freshKeys.get(name) ?? this.#writingKeys.get(name);
    if (recent !== undefined) return recent.offset;
    const week = Math.floor(nowMs / WEEK_MS);
    for (const at of [week, week - 1]) {
      const found = this.#keys(at).get(digest(name));
      if (found !== undefined) return found.readUIntBE(0, 6);
    }
    return 0;
  }

  /** How many synced events wait for the next commit, at least. */
  get waiting(): number {
    return this.#fresh.size + this.#freshKeys.size;
  }

  /** Writes what is new and the checkpoint in one transaction; one at a time. */
  async commit(checkpoint: IndexCheckpoint): Promise<void> {
    if (this.#committing !== null) await this.#committing;
    if (this.#fresh.size === 0) return;
    this.#writing = this.#fresh;
    this.#writingKeys = this.#freshKeys;
    this.#fresh = new Map();
    this.#freshKeys = new Map();
    const heads = new Map<string, Head>();
    this.#committing = this.#root
      .transaction(() => {
        for (const [stream, { first, offsets }] of this.#writing)
          heads.set(stream, this.#write(stream, first, offsets));
        for (const [name, { offset, week }] of this.#writingKeys) this.#keys(week).put(digest(name), uint48(offset));
        this.#meta.put(CHECKPOINT, Buffer.from(JSON.stringify(checkpoint)));
      })
      .then(() => undefined);
    await this.#committing;
    this.#committing = null;
    for (const [stream, head] of heads) this.#keep(stream, head);
    this.#writing = new Map();
    this.#writingKeys = new Map();
  }

  async close(): Promise<void> {
    await this.#committing;
    await this.#root.flushed;
    await this.#root.close();
  }

  #write(stream: string, first: number, offsets: readonly number[]): Head {
    const streamHash = digest(stream);
    const { listFirst, lastRevision } = this.#head(stream);
    let listStart = first;
    let list = offsets;
    if (lastRevision >= 0 && lastRevision + 1 - listFirst < LIST_OFFSETS_MAX) {
      listStart = listFirst;
      list = [...readOffsets(this.#lists.get(listKey(streamHash, listFirst))!), ...offsets];
    }
    for (let at = 0; at < list.length; at += LIST_OFFSETS_MAX) {
      const part = list.slice(at, at + LIST_OFFSETS_MAX);
      this.#lists.put(listKey(streamHash, listStart + at), writeOffsets(part));
    }
    const last = listStart + list.length - 1;
    const lastList = listStart + Math.floor((list.length - 1) / LIST_OFFSETS_MAX) * LIST_OFFSETS_MAX;
    this.#heads.put(streamHash, Buffer.concat([uint48(last), uint48(lastList)]));
    return { lastRevision: last, listFirst: lastList };
  }

  #head(stream: string): Head {
    const kept = this.#kept.get(stream);
    if (kept !== undefined) return kept;
    const bytes = this.#heads.get(digest(stream));
    const head =
      bytes === undefined
        ? { lastRevision: -1, listFirst: 0 }
        : { lastRevision: bytes.readUIntBE(0, 6), listFirst: bytes.readUIntBE(6, 6) };
    this.#keep(stream, head);
    return head;
  }

  #keep(stream: string, head: Head): void {
    if (this.#kept.size >= HEADS_KEPT_MAX) this.#kept.clear();
    this.#kept.set(stream, head);
  }

  #listed(stream: string, from: number, to: number, into: number[]): void {
    const streamHash = digest(stream);
    // Lists begin at any revision: the first one that can matter begins at or before `from`.
    const range = { start: listKey(streamHash, from), end: listKey(streamHash, 0), reverse: true, limit: 1 };
    let start = listKey(streamHash, from);
    for (const { key } of this.#lists.getRange({ ...range, inclusiveEnd: true } as never))
      start = Buffer.from(key as Buffer);
    for (const { key, value } of this.#lists.getRange({ start, end: listKey(streamHash, to + 1) })) {
      const first = (key as Buffer).readUIntBE(16, 6);
      readOffsets(value).forEach((offset, at) => {
        if (first + at >= from && first + at <= to) into.push(offset);
      });
    }
  }

  /** Keys are remembered for a week at least and two at most. */
  #forgetOldKeys(): void {
    const oldest = Math.floor(Date.now() / WEEK_MS) - 1;
    for (const name of [...this.#root.getKeys()].map((key) => Buffer.from(key).toString('latin1'))) {
      const week = /^keys-(\d+)$/.exec(name)?.[1];
      if (week !== undefined && Number(week) < oldest) this.#keys(Number(week)).dropSync();
    }
  }

  #keys(week: number): Database<Buffer, Buffer> {
    return this.#root.openDB({ name: `keys-${week}`, encoding: 'binary', keyEncoding: 'binary' });
  }
}

function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer').subarray(0, 16);
}

function listKey(streamHash: Buffer, firstRevision: number): Buffer {
  const key = Buffer.allocUnsafe(22);
  streamHash.copy(key);
  key.writeUIntBE(firstRevision, 16, 6);
  return key;
}

function uint48(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(6);
  bytes.writeUIntBE(value, 0, 6);
  return bytes;
}

/** The first offset in 6 bytes, then differences as LEB128. */
function writeOffsets(offsets: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(6 + offsets.length * 8);
  let at = bytes.writeUIntBE(offsets[0]!, 0, 6);
  for (let index = 1; index < offsets.length; index += 1) {
    let delta = offsets[index]! - offsets[index - 1]!;
    for (; delta >= 128; delta = Math.floor(delta / 128)) bytes[at++] = (delta % 128) | 128;
    bytes[at++] = delta;
  }
  return bytes.subarray(0, at);
}

function readOffsets(bytes: Buffer): number[] {
  let offset = bytes.readUIntBE(0, 6);
  const offsets = [offset];
  for (let at = 6; at < bytes.length; ) {
    let delta = 0;
    let scale = 1;
    let byte: number;
    do {
      byte = bytes[at++]!;
      delta += (byte & 127) * scale;
      scale *= 128;
    } while (byte >= 128);
    offset += delta;
    offsets.push(offset);
  }
  return offsets;
}
