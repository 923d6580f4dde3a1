import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openKafkaMembership } from '#cluster/kafka-membership.ts';
import type { Membership } from '#cluster/membership.ts';
import { kafkaClient } from '#log/kafka/client.ts';
import { prepareTopics } from '#log/kafka/topics.ts';
import { kafkaSettings } from '#log/kafka/url.ts';
import { hasKafka, sharedKafka } from './kafka-brokers.ts';

const SESSION_MS = 2000;
const PARTITIONS = 4;
const PATIENT = { timeout: 20_000, interval: 20 };

describe.skipIf(!hasKafka())('membership by a consumer group (skipped without Kafka)', { timeout: 60_000 }, () => {
  let kafka: string;
  let url: string;
  const members: Membership[] = [];
  const processes: ChildProcess[] = [];

  beforeAll(async () => {
    kafka = await sharedKafka();
  }, 60_000);

  beforeEach(async () => {
    url = `${kafka}/test-${randomBytes(6).toString('hex')}?partitions=${PARTITIONS}`;
    const settings = kafkaSettings(url);
    await prepareTopics(await kafkaClient(settings), settings, { create: true });
  });

  afterEach(async () => {
    for (const child of processes.splice(0)) child.kill('SIGKILL');
    await Promise.all(members.splice(0).map((member) => member.close()));
  });

  async function open(isReady = true): Promise<Membership> {
    const settings = kafkaSettings(url);
    const member = await openKafkaMembership({ settings, partitions: PARTITIONS, sessionTimeoutMs: SESSION_MS });
    members.push(member);
    member.setReady(isReady);
    return member;
  }

  /** A member in a process of its own, and what it was last assigned. */
  function spawnMember(): { child: ChildProcess; assigned: () => number[] } {
    const program = fileURLToPath(new URL('kafka-member-process.ts', import.meta.url));
    const args = ['--disable-warning=ExperimentalWarning', program, url, `${PARTITIONS}`, `${SESSION_MS}`];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    processes.push(child);
    let last: number[] = [];
    child.stdout?.on('data', (text) => {
      last = JSON.parse(String(text).trim().split('\n').at(-1) ?? '[]');
    });
    return { child, assigned: () => last };
  }

  const own = (member: Membership) => [...member.assigned()].toSorted((a, b) => a - b);

  test('a member that joins again has no lease on what may be given to another', async () => {
    const first = await open();
    await expect.poll(() => own(first), PATIENT).toEqual([0, 1, 2, 3]);
    expect(first.leaseUntilMs()).toBeGreaterThan(performance.now());
    const second = await open();
    let hasGivenUp = false;
    while (own(first).length === PARTITIONS) {
      hasGivenUp ||= first.leaseUntilMs() < performance.now();
      await setImmediate();
    }
    expect(hasGivenUp).toBe(true);
    await expect.poll(() => own(second), PATIENT).toEqual([2, 3]);
    for (const member of [first, second]) expect(member.leaseUntilMs()).toBeGreaterThan(performance.now());
  });

  test('one member has all, until another comes, and again when that leaves', async () => {
    const first = await open();
    let changes = 0;
    first.onChange(() => {
      changes += 1;
    });
    await expect.poll(() => own(first), PATIENT).toEqual([0, 1, 2, 3]);
    const second = await open();
    await expect.poll(() => own(second), PATIENT).toEqual([2, 3]);
    await expect.poll(() => own(first), PATIENT).toEqual([0, 1]);
    expect(first.member).toMatch(/^[0-9a-f]{32}$/);
    expect(second.member).not.toBe(first.member);
    await second.close();
    expect([own(second), second.leaseUntilMs()]).toEqual([[], 0]);
    await expect.poll(() => own(first), PATIENT).toEqual([0, 1, 2, 3]);
    expect(changes).toBe(3);
  });

  test('three members keep what they can', async () => {
    const first = await open();
    await expect.poll(() => own(first), PATIENT).toEqual([0, 1, 2, 3]);
    const second = await open();
    await expect.poll(() => own(second), PATIENT).toEqual([2, 3]);
    const third = await open();
    await expect.poll(() => own(third).length, PATIENT).toBe(1);
    await expect.poll(() => [first, second, third].flatMap(own).toSorted(), PATIENT).toEqual([0, 1, 2, 3]);
    expect([0, 1]).toEqual(expect.arrayContaining(own(first)));
    expect([2, 3]).toEqual(expect.arrayContaining(own(second)));
    const kept = own(second);
    await first.close();
    await expect.poll(() => [second, third].flatMap(own).toSorted(), PATIENT).toEqual([0, 1, 2, 3]);
    expect(own(second)).toEqual(expect.arrayContaining(kept));
  });

  test('the lease goes on as long as the group answers', async () => {
    const member = await open();
    await expect.poll(() => own(member), PATIENT).toEqual([0, 1, 2, 3]);
    const untilMs = member.leaseUntilMs();
    expect(untilMs - performance.now()).toBeLessThan(SESSION_MS);
    await expect.poll(() => performance.now(), PATIENT).toBeGreaterThan(untilMs + SESSION_MS);
    expect(member.leaseUntilMs()).toBeGreaterThan(performance.now());
    expect(own(member)).toEqual([0, 1, 2, 3]);
  });

  test('a member that is not ready is given nothing, and keeps what it has', async () => {
    const first = await open();
    const second = await open(false);
    await expect.poll(() => own(first), PATIENT).toEqual([0, 1, 2, 3]);
    expect(own(second)).toEqual([]);
    second.setReady(true);
    await expect.poll(() => own(second), PATIENT).toEqual([2, 3]);
    first.setReady(false);
    const third = await open();
    await expect.poll(() => own(third), PATIENT).toEqual([3]);
    await third.close();
    await expect.poll(() => own(second), PATIENT).toEqual([2, 3]);
    expect(own(first)).toEqual([0, 1]);
  });

  test('a member that was killed is missed after its session', async () => {
    const killed = spawnMember();
    await expect.poll(killed.assigned, PATIENT).toEqual([0, 1, 2, 3]);
    const member = await open();
    await expect.poll(() => own(member).length, PATIENT).toBe(2);
    killed.child.kill('SIGKILL');
    await expect.poll(() => own(member), PATIENT).toEqual([0, 1, 2, 3]);
  });

  test('a member that was frozen has lost its lease, and joins again', async () => {
    const frozen = spawnMember();
    await expect.poll(frozen.assigned, PATIENT).toEqual([0, 1, 2, 3]);
    frozen.child.kill('SIGSTOP');
    const member = await open();
    await expect.poll(() => own(member), PATIENT).toEqual([0, 1, 2, 3]);
    frozen.child.kill('SIGCONT');
    await expect.poll(() => [...own(member), ...frozen.assigned()].toSorted(), PATIENT).toEqual([0, 1, 2, 3]);
    expect(frozen.assigned().length).toBe(2);
  });
});
