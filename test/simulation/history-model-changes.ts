import { hash } from 'node:crypto';
import { applyPatch, type Operation } from 'rfc6902';
import { expect } from 'vitest';
import { domains } from '#src/domains.ts';
import { diff, diffCounts } from '#src/strata.ts';
import type { ModelPlace } from './history-model.ts';
import { BOARDS } from './history-model-commands.ts';
import { itemAt, MODEL_ITEMS, type ModelItems, type ShownItem, versionsUpTo } from './history-model-items.ts';
import type { HistoryStage } from './history-model-stage.ts';
import type { Random } from './random.ts';

type Change = {
  readonly key: string;
  readonly change: 'added' | 'removed' | 'changed';
  readonly before: ShownItem | null;
  readonly after: ShownItem | null;
  readonly patch: Operation[] | null;
  readonly position: string;
  readonly erased?: true;
};
type ModelChange = Omit<Change, 'patch'> & { readonly offset: number };
type PixelChange = { readonly x: number; readonly y: number; readonly before: number; readonly after: number };
type Items = Map<string, ShownItem>;

const structures = domains.flatMap(({ projections }) => projections.flatMap(({ structures }) => structures));

/** Compares diffs between positions and fingerprints at them with what the model's copies give. */
export class Changes {
  readonly #stage: HistoryStage;
  readonly #random: Random;

  constructor(stage: HistoryStage, random: Random) {
    this.#stage = stage;
    this.#random = random;
  }

  /** From the first to the second to the third. */
  async between(from: number, middle: number, to: number): Promise<void> {
    for (const items of MODEL_ITEMS) {
      const whole = await this.#items(items, from, to);
      const first = await this.#items(items, from, middle);
      const second = await this.#items(items, middle, to);
      const [before, after] = [this.#all(items, from), this.#all(items, to)];
      const what = `${items.name} at ${from}, changed up to ${to}`;
      expect(applied(before, whole), what).toEqual(after);
      expect(applied(applied(before, first), second), `${what} by way of ${middle}`).toEqual(after);
    }
    for (const board of Object.keys(BOARDS)) {
      const whole = await this.#pixels(board, from, to);
      const parts = [...(await this.#pixels(board, from, middle)), ...(await this.#pixels(board, middle, to))];
      const [before, after] = [this.#colors(board, from), this.#colors(board, to)];
      expect(drawn(before, whole), `${board} at ${from}, changed up to ${to}`).toEqual(after);
      expect(drawn(before, parts), `${board} at ${from}, changed up to ${to} by way of ${middle}`).toEqual(after);
    }
  }

  /** Of everything at a position. */
  async fingerprints(offset: number): Promise<void> {
    const { server, model, printing } = this.#stage;
    const { db } = await (await server.strata.db()).asOf(printing.position(offset)).state();
    for (const { kind, name } of structures) {
      const elements: (string | Buffer)[][] = [];
      if (kind === 'collection') {
        for (const key of model.keys(name, offset)) {
          elements.push([`strata.document.v1\0${name}\0${key}\0`, model.text(name, key, offset)!]);
        }
      } else {
        for (const [board, places] of model.states[offset]!.places) {
          for (const [place, value] of places) elements.push(placeElement(name, board, place, value));
        }
      }
      const told = await (kind === 'collection' ? db.collection(name) : db.raster(name)).fingerprint();
      expect(told, `fingerprint of ${name} at ${offset}`).toEqual(fingerprintOf(elements));
    }
  }

  #all(items: ModelItems, offset: number): Items {
    const { model, printing } = this.#stage;
    const keys = model.keys(items.collection, offset);
    return new Map(keys.map((key) => [key, itemAt(model, items, key, offset, printing)!]));
  }

  /** What a diff of items tells, which is what the copies differ in. */
  async #items(items: ModelItems, from: number, to: number): Promise<Change[]> {
    const prefix = this.#random.chance(0.2) ? this.#random.pick(['a', 'wall', '1']) : null;
    const expected = this.#expected(items, from, to);
    const told = await this.#told<Change>(items.name, from, to, null);
    const what = `diff in ${items.name} of (${from}, ${to}]`;
    expect(bare(told), what).toEqual(bare(expected));
    const counts = { added: 0, removed: 0, changed: 0 };
    for (const { change } of expected) counts[change] += 1;
    expect(await this.#counts(items.name, from, to), what).toEqual(counts);
    if (prefix !== null) {
      const some = await this.#told<Change>(items.name, from, to, prefix);
      expect(bare(some), `${what}, ${prefix}*`).toEqual(bare(expected.filter(({ key }) => key.startsWith(prefix))));
    }
    for (const { before, after, patch } of told) expect(patched(before, patch), what).toEqual(after);
    return told;
  }

  #expected(items: ModelItems, from: number, to: number): ModelChange[] {
    const { model, printing } = this.#stage;
    const changes: ModelChange[] = [];
    for (const key of model.everyKey(items.collection)) {
      const erasedAt = model.erased.get(`${items.collection}/${key}`);
      if (erasedAt !== undefined) {
        if (erasedAt <= from || erasedAt > to) continue;
        const position = printing.position(erasedAt);
        const nothing = { before: null, after: null, erased: true as const };
        changes.push({ key, change: 'removed', position, offset: erasedAt, ...nothing });
        continue;
      }
      const [was, is] = [model.text(items.collection, key, from), model.text(items.collection, key, to)];
      if (was === is) continue;
      const [offset] = versionsUpTo(model, items.collection, key, to);
      const change = was === null ? 'added' : is === null ? 'removed' : 'changed';
      const before = itemAt(model, items, key, from, printing);
      const after = itemAt(model, items, key, to, printing);
      changes.push({ key, change, before, after, position: printing.position(offset!), offset: offset! });
    }
    return changes;
  }

  async #pixels(board: string, from: number, to: number): Promise<PixelChange[]> {
    const { model, printing } = this.#stage;
    // A board that is not there yet has no diff.
    if (model.text('board-settings', board, to) === null) return [];
    const [before, after] = [this.#places(board, from), this.#places(board, to)];
    const expected = [...after].flatMap(([place, { color, offset }]) => {
      const was = before.get(place)?.color ?? 0;
      if (was === color) return [];
      const [x, y] = place.split(',').map(Number);
      return [
        { x, y, before: was, after: color, position: printing.position(offset), actor: model.event(offset).actor },
      ];
    });
    const told = await this.#told<PixelChange>(`boards/${board}`, from, to, null);
    const sorted = (changes: readonly object[]) => changes.map((change) => JSON.stringify(change)).sort();
    expect(sorted(told), `diff in ${board} of (${from}, ${to}]`).toEqual(sorted(expected));
    const counts = await this.#counts(`boards/${board}`, from, to);
    expect(counts).toEqual({ added: 0, removed: 0, changed: expected.length });
    return told;
  }

  #places(board: string, offset: number): ReadonlyMap<string, ModelPlace> {
    return this.#stage.model.states[offset]!.places.get(board) ?? new Map();
  }

  #colors(board: string, offset: number): Map<string, number> {
    const set = [...this.#places(board, offset)].filter(([, { color }]) => color !== 0);
    return new Map(set.map(([place, { color }]) => [place, color]).sort() as [string, number][]);
  }

  /** All of a diff, in pages or lines over HTTP, or in the process. */
  async #told<Item>(named: string, from: number, to: number, prefix: string | null): Promise<Item[]> {
    const { printing, server } = this.#stage;
    const [a, b] = [printing.position(from), printing.position(to)];
    const query = { in: named, from: a, to: b, ...(prefix !== null && { prefix }) };
    const face = this.#random.pick(['pages', 'lines', 'process']);
    if (face === 'process') {
      const now = await server.strata.db();
      const changes = await Array.fromAsync(
        diff(now.asOf(a), now.asOf(b), { in: named, ...(prefix !== null && { prefix }) }),
      );
      return JSON.parse(JSON.stringify(changes));
    }
    if (face === 'lines') {
      const headers = { accept: 'application/x-ndjson' };
      return (await this.#stage.call('GET', `/v1/diff?${new URLSearchParams(query)}`, undefined, headers)).body;
    }
    const items: Item[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const limit = String(this.#random.pick([1, 2, 5, 1_000]));
      const page = { ...query, limit, ...(cursor !== undefined && { cursor }) };
      const { body } = await this.#stage.call('GET', `/v1/diff?${new URLSearchParams(page)}`);
      items.push(...body.items);
      cursor = body.next;
    }
    return items;
  }

  async #counts(named: string, from: number, to: number): Promise<object> {
    const { printing, server } = this.#stage;
    const [a, b] = [printing.position(from), printing.position(to)];
    if (this.#random.chance(0.5)) {
      const now = await server.strata.db();
      return await diffCounts(now.asOf(a), now.asOf(b), { in: named });
    }
    const query = new URLSearchParams({ in: named, from: a, to: b, summary: 'true' });
    const { added, removed, changed } = (await this.#stage.call('GET', `/v1/diff?${query}`)).body;
    return { added, removed, changed };
  }
}

/** In the order of keys: many may change by one event. */
function bare(changes: readonly (Change | ModelChange)[]): object[] {
  const fields = changes.map(({ key, change, before, after, position, erased }) => {
    return { key, change, before, after, position, erased: erased ?? false };
  });
  return fields.sort((a, b) => (a.key < b.key ? -1 : 1));
}

function applied(items: Items, changes: readonly Change[]): Items {
  const after = new Map(items);
  for (const { key, patch, erased } of changes) {
    const item = erased === true ? null : patched(after.get(key) ?? null, patch);
    if (item === null) after.delete(key);
    else after.set(key, item);
  }
  return new Map([...after].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** RFC 6902, of the whole document too. */
function patched(before: ShownItem | null, patch: Operation[] | null): ShownItem | null {
  const held = { item: structuredClone(before) };
  const operations = (patch ?? []).map((operation) => ({ ...operation, path: `/item${operation.path}` }));
  expect(applyPatch(held, structuredClone(operations)).filter((error) => error !== null)).toEqual([]);
  return held.item ?? null;
}

function drawn(colors: ReadonlyMap<string, number>, changes: readonly PixelChange[]): Map<string, number> {
  const after = new Map(colors);
  for (const { x, y, before, after: color } of changes) {
    expect(after.get(`${x},${y}`) ?? 0).toBe(before);
    if (color === 0) after.delete(`${x},${y}`);
    else after.set(`${x},${y}`, color);
  }
  return new Map([...after].sort());
}

/** docs/reference/history.md, "Fingerprints". */
function placeElement(
  raster: string,
  board: string,
  place: string,
  { color, offset }: ModelPlace,
): (string | Buffer)[] {
  const [x, y] = place.split(',').map(Number) as [number, number];
  const tile = Buffer.from([y >> 8, x >> 8]);
  const rest = Buffer.alloc(9);
  rest.writeUInt16BE((y % 256) * 256 + (x % 256), 0);
  rest.writeUInt8(color, 2);
  rest.writeUIntBE(offset, 3, 6);
  return [`strata.place.v1\0${raster}\0${board}\0`, tile, rest];
}

function fingerprintOf(elements: readonly (string | Buffer)[][]): { count: number; sum: string } {
  let sum = 0n;
  for (const element of elements) {
    const bytes = Buffer.concat(element.map((part) => Buffer.from(part as string)));
    sum += BigInt(`0x${hash('sha256', bytes, 'hex')}`);
  }
  return { count: elements.length, sum: (sum % 2n ** 256n).toString(16).padStart(64, '0') };
}
