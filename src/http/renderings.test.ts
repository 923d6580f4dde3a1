import { expect, test } from 'vitest';
import type { Cache } from '#cache/cache.ts';
import { Renderings } from './renderings.ts';

const present = () => true;

/** A rendering that ends when it is told to, and counts how often it began. */
function slow() {
  const { promise, resolve } = Promise.withResolvers<Uint8Array>();
  const rendering = { begun: 0, end: resolve, render: () => promise };
  rendering.render = () => {
    rendering.begun += 1;
    return promise;
  };
  return rendering;
}

test('bytes are made once for all who ask meanwhile, and again for who asks later', async () => {
  const renderings = new Renderings(null);
  const picture = slow();
  const asked = [1, 2, 3].map(() => renderings.of('wall', picture.render, present));
  const other = renderings.of('other', async () => Uint8Array.of(2), present);
  picture.end(Uint8Array.of(1));
  expect(await Promise.all(asked)).toEqual([1, 1, 1].map((byte) => Uint8Array.of(byte)));
  expect(await other).toEqual(Uint8Array.of(2));
  await renderings.of('wall', picture.render, present);
  expect(picture.begun).toBe(2);
});

test('nothing is made for those who left while they waited', async () => {
  const renderings = new Renderings(null);
  const inFront = Array.from({ length: 4 }, slow);
  const begun = inFront.map(({ render }, at) => renderings.of(`front ${at}`, render, present));
  const here = { ann: true, bob: true };
  const left = slow();
  const stays = slow();
  const asked = [
    renderings.of('left', left.render, () => here.ann),
    renderings.of('stays', stays.render, () => here.ann),
    renderings.of('stays', stays.render, () => here.bob),
  ];
  here.ann = false;
  stays.end(Uint8Array.of(3));
  for (const { end } of inFront) end(Uint8Array.of(0));
  await Promise.all(begun);
  expect(await Promise.all(asked)).toEqual([null, Uint8Array.of(3), Uint8Array.of(3)]);
  expect([left.begun, stays.begun]).toEqual([0, 1]);
});

test('what another member has made is not made again, if it was dear', async () => {
  const kept = new Map<string, Buffer>();
  const cache: Cache = {
    get: async (name) => kept.get(name) ?? null,
    set: (name, bytes) => kept.set(name, Buffer.from(bytes)),
  };
  const dear = async () => {
    const untilMs = performance.now() + 12;
    while (performance.now() < untilMs);
    return Uint8Array.of(4);
  };
  const cheap = async () => Uint8Array.of(5);
  const [here, there] = [new Renderings(cache), new Renderings(cache)];
  await here.of('dear', dear, present);
  await here.of('cheap', cheap, present);
  expect([...kept.keys()]).toEqual(['dear']);
  expect(await there.of('dear', () => Promise.reject(new Error('made again')), present)).toEqual(Buffer.of(4));
});
