import { expect, test } from 'vitest';
import { InTurn } from './in-turn.ts';

test('a few run at once, the others in their order, and what is too many is refused', async () => {
  const inTurn = new InTurn({ atOnce: 2, waitingMax: 2 });
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const run = (number: number) =>
    inTurn.run(
      () =>
        new Promise<number>((resolve) => {
          begun.push(number);
          ends.push(() => resolve(number));
        }),
    );
  const [first, second, third, fourth] = [run(1), run(2), run(3), run(4)];
  await expect(run(5)).rejects.toMatchObject({ code: 'server.busy' });
  expect(begun).toEqual([1, 2]);
  ends[1]!();
  expect(await second).toBe(2);
  expect(begun).toEqual([1, 2, 3]);
  ends[0]!();
  expect(await first).toBe(1);
  expect(begun).toEqual([1, 2, 3, 4]);
  ends[2]!();
  ends[3]!();
  expect(await Promise.all([third, fourth])).toEqual([3, 4]);
});

test('what fails gives its place on', async () => {
  const inTurn = new InTurn({ atOnce: 1, waitingMax: 1 });
  const failed = inTurn.run(() => Promise.reject(new Error('no')));
  const next = inTurn.run(async () => 'next');
  await expect(failed).rejects.toThrow('no');
  expect(await next).toBe('next');
  expect(await inTurn.run(async () => 'last')).toBe('last');
});
