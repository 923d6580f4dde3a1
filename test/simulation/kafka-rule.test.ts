import { expect, test } from 'vitest';
import type { Appended, NotAppended, Write } from '#log/event-log.ts';
import { SimulatedKafka, SimulatedMember, SimulatedReplica, settle } from './kafka-world.ts';
import { Random } from './random.ts';

const RUNS = 40;
const STEPS = 600;
const MEMBERS = 3;

type Attempt = { readonly write: Write; outcome: Appended | NotAppended | null };

test('whatever is lost, delayed or doubled, all readers agree, and what was answered is true', async () => {
  for (let run = 0; run < RUNS; run += 1) {
    const random = Random.fresh();
    try {
      await simulate(random);
    } catch (error) {
      throw new Error(`seed ${random.seed}`, { cause: error });
    }
  }
});

async function simulate(random: Random): Promise<void> {
  const partitions = 1 + random.below(3);
  const kafka = new SimulatedKafka(partitions, random);
  kafka.faults = random.pick([0, 0.1, 0.5]);
  let nowMs = 0;
  let born = 0;
  const start = (replica: SimulatedReplica) => {
    born += 1;
    return new SimulatedMember(`member ${born}`, kafka, replica, random, () => nowMs);
  };
  const replicas: SimulatedReplica[] = [];
  const fresh = () => {
    const replica = new SimulatedReplica(partitions);
    replicas.push(replica);
    return replica;
  };
  const members = Array.from({ length: MEMBERS }, () => start(fresh()));
  const attempts: Attempt[] = [];

  const steps = [
    () => kafka.step(),
    () => kafka.step(),
    () => kafka.step(),
    () => random.pick(members).read(1 + random.below(20)),
    () => random.pick(members).read(1 + random.below(20)),
    () => random.pick(members).read(1 + random.below(20)),
    () => {
      nowMs += random.pick([10, 100, 600, 2500]);
      for (const { member } of members) member.tick();
    },
    () => {
      if (random.chance(0.01)) nowMs += 21_000;
    },
    // Owners come and go, and believe what they like.
    () => {
      if (random.chance(0.05))
        random.pick(members).belief.assign(kafka.partitions.keys().filter(() => random.chance(0.6)));
    },
    // One is killed; another starts from what it had saved, or from nothing.
    () => {
      if (!random.chance(0.03)) return;
      const index = random.below(members.length);
      members[index]!.isDead = true;
      members[index] = start(random.chance(0.7) ? members[index]!.replica : fresh());
    },
    () => append(random.pick(members)),
    () => {
      const member = random.pick(members);
      for (let count = random.below(5); count > 0; count -= 1) append(member);
    },
  ];

  const append = (member: SimulatedMember, stream?: string): Attempt => {
    const { write, result } = member.append(random, `${attempts.length}`, stream);
    const attempt: Attempt = { write, outcome: null };
    attempts.push(attempt);
    void result.then((outcome) => {
      attempt.outcome = outcome;
    });
    return attempt;
  };

  for (const [index, member] of members.entries()) if (index === 0) member.belief.assign(kafka.partitions.keys());
  for (let step = 0; step < STEPS; step += 1) {
    random.pick(steps)();
    await settle();
  }

  // The network heals, and one member has everything.
  kafka.faults = 0;
  kafka.drain();
  const last = start(fresh());
  members.push(last);
  for (const member of members) member.belief.assign(member === last ? kafka.partitions.keys() : []);
  let final: Attempt[] = [];
  for (let round = 0; round < 40; round += 1) {
    // Nothing that happened keeps it from going on.
    if (round === 20)
      final = kafka.partitions
        .keys()
        .map((partition) => append(last, inPartition(last, partition)))
        .toArray();
    nowMs += 700;
    for (const member of members) member.readAll();
    await settle();
    for (const { member } of members) member.tick();
    await settle();
    kafka.drain();
    await settle();
  }
  const reader = start(fresh());
  reader.readAll();
  await settle();

  expect(final.map(({ outcome }) => outcome?.ok)).toEqual(final.map(() => true));
  const history = reader.replica.writes;
  for (const { replica } of members) expect(replica.writes).toEqual(history);
  // Those of the dead have a prefix.
  for (const replica of replicas) expect(replica.writes).toEqual(history.slice(0, replica.writes.length));
  const events = history.flat();
  expect(events.map(({ offset }) => offset)).toEqual(events.map((_, index) => index + 1));
  expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
  const revisions = new Map<string, number>();
  for (const { stream, revision } of events) {
    expect(revision).toBe((revisions.get(stream) ?? -1) + 1);
    revisions.set(stream, revision);
  }
  const byId = new Map(events.map((event) => [event.id, event]));
  for (const { write, outcome } of attempts) {
    const found = write.events.map(({ id }) => byId.get(id));
    if (outcome?.ok === true) expect(found).toEqual(outcome.events);
    else if (outcome !== null && outcome.error.code !== 'command.outcome-unknown') {
      expect(found).toEqual(write.events.map(() => undefined));
    }
    // Whole or not at all.
    expect(new Set(found.map((event) => event === undefined)).size).toBe(1);
  }
}

/** The name of a stream in the partition. */
function inPartition({ member }: SimulatedMember, partition: number): string {
  for (let number = 0; ; number += 1) if (member.partitionOf(`t-${number}`) === partition) return `t-${number}`;
}
