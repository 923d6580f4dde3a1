import { expect } from 'vitest';
import { type Asked, BOARDS } from './history-model-commands.ts';
import { canonical } from './history-model-fold.ts';
import { MODEL_ITEMS } from './history-model-items.ts';
import type { HistoryStage } from './history-model-stage.ts';

/** All that a diff can be asked in. */
const NAMED = [...MODEL_ITEMS.map(({ name }) => name), ...Object.keys(BOARDS).map((board) => `boards/${board}`)];

/** What the server makes is another each time: ids, and times. */
const ID = /[0-9a-f]{32,}/g;
const TIME = /\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z/g;

// biome-ignore lint/suspicious/noExplicitAny: answers are JSON of many shapes, and both are compared
type Body = any;

/**
 * Asks what commands would do, then sends them: their results and what they change are the same. They are resolved before,
 * so none means what another makes.
 */
export async function whatIfThenReally(stage: HistoryStage, commands: readonly Asked[]): Promise<void> {
  const { model } = stage;
  await stage.learn();
  const before = stage.printing.position(model.head);
  const asked = commands.map((command) => stage.resolve(command)).map(({ type, data }) => ({ type, data }));
  const at = new Date().toISOString();
  const known = new Set(JSON.stringify([asked, model.events.map(({ data }) => data)]).match(ID));
  const told = (value: Body) => alike(value, known);
  const would: Body[] = [];
  for (const named of NAMED) {
    const body = { commands: asked.map((command) => ({ ...command, at })), diff: { in: named } };
    would.push((await stage.call('POST', '/v1/whatif', body)).body);
  }
  await stage.learn();
  expect(stage.printing.position(model.head), 'a what if appends nothing').toBe(before);

  const did: Body[] = [];
  for (const command of asked) did.push((await stage.call('POST', '/v1/commands', command)).body);
  await stage.learn();
  expect(would.map(({ position }) => position)).toEqual(NAMED.map(() => before));
  for (const { results } of would) {
    expect(results.map(resultOf).map(told), JSON.stringify(asked)).toEqual(did.map(resultOf).map(told));
  }
  const to = stage.printing.position(model.head);
  for (const [index, named] of NAMED.entries()) {
    const query = new URLSearchParams({ in: named, from: before, to, limit: '1000' });
    const { body } = await stage.call('GET', `/v1/diff?${query}`);
    const [expected, found] = [would[index].diff.items, body.items].map((items: readonly Body[]) =>
      // What is not in the log has no position.
      items.map(({ position: _position, patch: _patch, key: _key, ...change }) => told(change)).sort(),
    );
    expect(found, `what would change in ${named}`).toEqual(expected);
  }
}

/** A refusal's code, or the events' types and data. */
function resultOf({ code, events, revision, stream }: Body): unknown {
  if (events === undefined) return code;
  const data = events.map((event: Body) => [event.type, event.data, event.revision]);
  return [stream, data, data.length === 0 ? null : revision];
}

function alike(value: Body, known: ReadonlySet<string>): string {
  return canonical(value)
    .replace(TIME, 'TIME')
    .replace(ID, (id) => (known.has(id) ? id : 'MADE'));
}
