import { BOARDS, LIBRARIES } from './history-model-commands.ts';
import { changedNames, countAt, historyAt, MODEL_ITEMS, type ModelItems, timeOf } from './history-model-items.ts';
import type { ModelPosition } from './history-model-position.ts';

/** Single items, their histories, counts and boards at a position, against the model's copy. */
export async function expectReads(at: ModelPosition): Promise<void> {
  for (const items of MODEL_ITEMS) {
    for (const key of someKeys(at, items)) await expectItem(at, items, key);
    for (const key of someKeys(at, items)) await expectHistory(at, items, key);
    await expectCounts(at, items);
  }
  for (const board of Object.keys(BOARDS)) await expectBoard(at, board as keyof typeof BOARDS);
}

/** Some of the keys that were ever used, and one that never was. */
function someKeys({ model, random }: ModelPosition, { collection }: ModelItems): string[] {
  const keys = model.everyKey(collection);
  return [...keys.filter(() => random.chance(Math.min(1, 4 / keys.length))), 'nobody'];
}

async function expectItem(at: ModelPosition, items: ModelItems, key: string): Promise<void> {
  const path = `/v1/${items.name}/${key}`;
  const { code, body } = await at.read(path);
  const expected = at.item(items, key);
  if (expected === null) at.expect(code, at.absent(items, key), path);
  else at.expect({ code, body }, { code: null, body: expected }, path);
}

async function expectHistory(at: ModelPosition, items: ModelItems, key: string): Promise<void> {
  const path = `/v1/${items.name}/${key}/history`;
  const expected = historyAt(at.model, items, key, at.offset, at.stage.printing);
  const code = expected.length === 0 ? at.absent(items, key) : null;
  at.expect(await at.pages(path), { code, items: expected }, path);
}

async function expectCounts(at: ModelPosition, items: ModelItems): Promise<void> {
  const { model, offset, stage, when } = at;
  for (const account of items.name === 'refs' ? [null] : [null, ...LIBRARIES]) {
    // Whether an account is there is a read of its balance.
    const isItself = items.name === 'accounts' && account !== null;
    const own = () => model.keys('accounts', offset).filter((key) => key === account).length;
    const count = isItself ? own() : countAt(model, items, account, offset);
    const what = `count of ${items.name} of ${account}`;
    const query = { in: items.name, ...(account !== null && { account }) };
    const { body } = await stage.read('http', '/v1/counts', query, when);
    at.expect(body, { in: items.name, account, count }, what);
    at.expect(await (await stage.server.strata.db()).asOf(when).count(items.name, { account }), count, what);
  }
}

async function expectBoard(at: ModelPosition, board: keyof typeof BOARDS): Promise<void> {
  const { model, offset, random } = at;
  const settings = model.document('board-settings', board, offset);
  const { code, body } = await at.read(`/v1/boards/${board}`);
  if (settings === null) return at.expect(code, 'board.unknown', board);
  const { places, placements } = model.states[offset]!;
  at.expect(body, { ...settings, placements: placements.get(board) ?? 0 }, board);

  const { width, height, colours } = BOARDS[board];
  const colors = Buffer.alloc(width * height);
  for (const [place, { color }] of places.get(board) ?? []) {
    const [x, y] = place.split(',').map(Number);
    colors[y! * width + x!] = color;
  }
  const halves = () => Buffer.from(colors.toString('hex').replace(/0(.)/g, '$1'), 'hex');
  const bitmap = await at.read(`/v1/boards/${board}/bitmap`);
  at.expect(bitmap.body, colours <= 16 ? halves() : colors, `bitmap of ${board}`);

  for (let pixel = 0; pixel < 3; pixel += 1) {
    const [x, y] = [random.pick([0, 4, width - 1]), random.below(height)];
    const versions = versionsOfPlace(at, board, x, y);
    const nothing = { x, y, color: 0, position: null, placedAt: null, actor: null };
    const path = `/v1/boards/${board}/pixels/${x}/${y}`;
    at.expect((await at.read(path)).body, versions[0]?.value ?? nothing, path);
    at.expect(await at.pages(`${path}/history`), { code: null, items: versions }, `${path}/history`);
  }
}

/** Everything that was set at a place, newest first. */
function versionsOfPlace({ model, offset, stage }: ModelPosition, board: string, x: number, y: number) {
  const placeAt = (at: number) => model.states[at]!.places.get(board)?.get(`${x},${y}`);
  const set = Array.from({ length: offset }, (_, before) => before + 1).filter((at) => placeAt(at)?.offset === at);
  const values = set.map((at) => {
    const { actor, at: atMs } = model.event(at);
    const position = stage.printing.position(at);
    return { x, y, color: placeAt(at)!.color, position, placedAt: timeOf(atMs), actor };
  });
  const versions = set.map((at, index) => {
    const { actor, at: atMs, revision, type } = model.event(at);
    const value = values[index]!;
    const changed = changedNames(values[index - 1] ?? null, value);
    return { position: value.position, revision, at: timeOf(atMs), actor, type, changed, value };
  });
  return versions.reverse();
}
