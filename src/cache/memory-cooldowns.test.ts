import { expect, test } from 'vitest';
import { memoryCooldowns } from './memory-cooldowns.ts';

const START_MS = 1_700_000_000_000;

test('a key waits out its seconds, told in whole ones', () => {
  const cooldowns = memoryCooldowns();
  expect(cooldowns.take('board/main/ann', 5, START_MS)).toBe(0);
  expect(cooldowns.take('board/main/ann', 5, START_MS + 1)).toBe(5);
  expect(cooldowns.take('board/main/ann', 5, START_MS + 4999)).toBe(1);
  expect(cooldowns.take('board/main/bob', 5, START_MS + 1)).toBe(0);
  expect(cooldowns.take('board/main/ann', 5, START_MS + 5000)).toBe(0);
});

test('a key given back may be taken at once', () => {
  const cooldowns = memoryCooldowns();
  cooldowns.take('ann', 60, START_MS);
  cooldowns.giveBack('ann', START_MS - 1);
  expect(cooldowns.take('ann', 60, START_MS)).toBe(60);
  cooldowns.giveBack('ann', START_MS);
  expect(cooldowns.take('ann', 60, START_MS)).toBe(0);
});

test('what is restored counts from when it was taken, and the later take wins', async () => {
  const cooldowns = memoryCooldowns();
  const takenBeforeMs = [3000, 9000];
  await cooldowns.restore({
    windowMs: () => 10_000,
    tell: (after, mark) => {
      const to = (after ?? 0) + 1;
      mark('ann', START_MS - takenBeforeMs[to - 1]!);
      return { to, more: to < takenBeforeMs.length };
    },
  });
  expect(cooldowns.take('ann', 10, START_MS)).toBe(7);
  expect(cooldowns.take('ann', 2, START_MS)).toBe(0);
});

test('without a cooldown nothing is remembered', () => {
  const cooldowns = memoryCooldowns();
  expect(cooldowns.take('ann', 0, START_MS)).toBe(0);
  expect(cooldowns.take('ann', 0, START_MS)).toBe(0);
  expect(cooldowns.size).toBe(0);
});

test('expired keys are let go', () => {
  const cooldowns = memoryCooldowns();
  for (let at = 0; at < 200_000; at += 1) cooldowns.take(`person-${at}`, 1, START_MS + at);
  expect(cooldowns.size).toBeLessThan(10_000);
});

test('more keys than fit are refused, not kept', () => {
  const cooldowns = memoryCooldowns({ keysMax: 2 });
  cooldowns.take('ann', 60, START_MS);
  cooldowns.take('bob', 60, START_MS);
  expect(() => cooldowns.take('cay', 60, START_MS)).toThrow(expect.objectContaining({ code: 'server.busy' }));
  expect(cooldowns.take('ann', 60, START_MS + 30_000)).toBe(30);
  expect(cooldowns.take('cay', 60, START_MS + 60_000)).toBe(0);
});
