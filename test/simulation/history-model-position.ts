import { expect } from 'vitest';
import type { HistoryModel } from './history-model.ts';
import { itemAt, MODEL_ITEMS, type ModelItems, type ShownItem, timeOf } from './history-model-items.ts';
import type { Face, HistoryStage, Told } from './history-model-stage.ts';
import type { Random } from './random.ts';

export type Query = { readonly [name: string]: string };

/** One position, read through either face, in pages of random size; and what the model kept of it. */
export class ModelPosition {
  readonly stage: HistoryStage;
  readonly random: Random;
  readonly offset: number;
  /** What `asOf` is: the position, or a time or a ref that means the same. */
  readonly when: string;

  constructor(stage: HistoryStage, random: Random, offset: number) {
    this.stage = stage;
    this.random = random;
    this.offset = offset;
    this.when = random.pick(whensOf(stage, offset));
  }

  get model(): HistoryModel {
    return this.stage.model;
  }

  read(path: string, query: Query = {}): Promise<Told> {
    const face: Face = this.random.chance(0.5) ? 'http' : 'process';
    return this.stage.read(face, path, query, this.when);
  }

  /** What is read of the path, page after page. */
  async pages(
    path: string,
    query: Query = {},
    read = this.read.bind(this),
  ): Promise<{ readonly code: string | null; readonly items: readonly unknown[] }> {
    const items: unknown[] = [];
    for (let next: string | null | undefined; next !== null; ) {
      const limit = String(this.random.pick([1, 2, 3, 7, 1_000]));
      const { code, body } = await read(path, { ...query, limit, ...(next !== undefined && { cursor: next }) });
      if (code !== null) return { code, items };
      expect(body.items.length).toBeLessThanOrEqual(Number(limit));
      items.push(...body.items);
      next = body.next;
    }
    return { code: null, items };
  }

  expect(told: unknown, expected: unknown, what: string): void {
    expect(told, `${what} as of ${this.when}, offset ${this.offset}`).toEqual(expected);
  }

  item(items: ModelItems, key: string): ShownItem | null {
    return itemAt(this.model, items, key, this.offset, this.stage.printing);
  }

  /** The code of the refusal of an item that is not there. */
  absent({ collection, unknown }: ModelItems, key: string): string {
    return this.model.erased.has(`${collection}/${key}`) ? 'history.erased' : unknown;
  }
}

export function itemsNamed(name: ModelItems['name']): ModelItems {
  return MODEL_ITEMS.find((items) => items.name === name)!;
}

/** What means a position: itself, the time at which it was the newest, refs that name it. */
function whensOf({ model, printing }: HistoryStage, offset: number): string[] {
  const whens = [printing.position(offset)];
  const [last, next] = [model.events[offset - 1], model.events[offset]];
  if (last !== undefined && next !== undefined && last.recordedAt < next.recordedAt)
    whens.push(timeOf(last.recordedAt));
  for (const ref of model.keys('refs', model.head)) {
    const { position } = itemAt(model, itemsNamed('refs'), ref, model.head, printing)!;
    if (position === whens[0]) whens.push(`refs/${ref}`);
  }
  return whens;
}
