import sharp from 'sharp';
import { expect, test } from 'vitest';
import { boards } from '#commands/boards/domain.ts';
import { World } from '#commands/world.ts';
import { allOf, diffCatalogue, differenceIn } from '#history/items/diff.ts';
import { MemoryDb } from '#projections/memory-db.ts';

function seen(world: World) {
  const db = new MemoryDb(...boards.projections).fold(world.events);
  const showing = {
    open: () => ({}),
    event: (offset: number) => world.events[offset - 1]!,
    position: String,
    dappUrl: String,
  };
  return (named: string, from: number) =>
    differenceIn(diffCatalogue([boards]), named, { from, account: null, documents: true }, db, showing);
}

test('a board differs in the pixels whose colour is another', async () => {
  const world = new World(boards);
  world.send('CreateBoard', { board: 'wall', width: 16, height: 16 });
  const place = (x: number, y: number, color: number) => world.send('PlacePixel', { board: 'wall', x, y, color });
  place(1, 1, 3);
  place(2, 1, 4);
  const from = world.events.length;
  place(1, 1, 5);
  place(2, 1, 9);
  place(2, 1, 4);
  place(0, 2, 7);
  const between = seen(world);
  const difference = between('boards/wall', from);
  expect(await Array.fromAsync(allOf(difference))).toEqual([
    { x: 1, y: 1, before: 3, after: 5, position: '4', actor: 'admin' },
    { x: 0, y: 2, before: 0, after: 7, position: '7', actor: 'admin' },
  ]);
  expect(await difference.counts()).toEqual({ added: 0, removed: 0, changed: 2 });
  expect(difference.isPublic).toBe(true);
  expect(() => between('boards/none', from)).toThrow('none');
});

test.each([3, 240, 256])('its picture shows what changed in front of dim greys, with %i colours', async (colours) => {
  const world = new World(boards);
  const palette = Array.from({ length: colours }, (_, at) => `#${(at * 65_793).toString(16).padStart(6, '0')}`);
  world.send('CreateBoard', { board: 'wall', width: 5, height: 2, palette });
  const last = colours - 1;
  world.send('PlacePixel', { board: 'wall', x: 1, y: 0, color: last });
  const from = world.events.length;
  world.send('PlacePixel', { board: 'wall', x: 3, y: 1, color: last });
  const picture = await seen(world)('boards/wall', from).picture!();
  const { data, info } = await sharp(picture).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  expect(info).toMatchObject({ width: 5, height: 2 });
  const at = (x: number, y: number) => [...data.subarray((y * 5 + x) * 3, (y * 5 + x) * 3 + 3)];
  expect(at(3, 1)).toEqual([last, last, last]);
  const [was, is] = [at(0, 0)[0]!, at(1, 0)[0]!];
  expect(at(0, 0)).toEqual([was, was, was]);
  expect(was).toBeGreaterThanOrEqual(0x20);
  expect(is).toBeGreaterThanOrEqual(was);
  expect(is).toBeLessThanOrEqual(0x60);
});
