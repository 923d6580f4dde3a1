import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { bystander } from '#cluster/bystander.ts';
import { openKafkaMembership } from '#cluster/kafka-membership.ts';
import type { Membership } from '#cluster/membership.ts';
import { jarsCodec, Members, type TestMember } from '#handling/forwarding/members-fixture.ts';
import type { LocalLog } from '#log/local-log.ts';
import { tempFolder } from '../conformance/open-log.ts';
import { hasKafka, sharedKafka } from './kafka-brokers.ts';
import { openMember, ownsAll, topicUrl, until } from './kafka-members.ts';

const PARTITIONS = 3;
const SESSION_MS = 1500;

type Instance = { readonly member: TestMember; readonly log: LocalLog; readonly membership: () => Membership };

class Instances {
  readonly #members: Members;
  readonly #url: string;
  readonly #logs: LocalLog[] = [];

  private constructor(members: Members, url: string) {
    this.#members = members;
    this.#url = url;
  }

  static async start(): Promise<Instances> {
    const instances = new Instances(await new Members().open(), topicUrl(await sharedKafka(), PARTITIONS));
    onTestFinished(async () => {
      await instances.#members.close();
      for (const log of instances.#logs) await log.close();
    });
    return instances;
  }

  async open(name: string, owns = true): Promise<Instance> {
    const address = `http://${name}`;
    let membership = bystander();
    const log = await openMember({
      url: this.#url,
      dir: join(tempFolder(), name),
      codec: jarsCodec,
      address,
      membership: async (parts) => {
        if (owns) membership = await openKafkaMembership({ ...parts, sessionTimeoutMs: SESSION_MS });
        return membership;
      },
    });
    this.#logs.push(log);
    return { member: await this.#members.join(address, { log }), log, membership: () => membership };
  }
}

const owned = ({ log }: Instance) => [...Array(PARTITIONS).keys()].filter((each) => log.ownerOf(each) === 'here');
const everythingIsOwned = (...instances: Instance[]) => instances.flatMap(owned).length === PARTITIONS;

/** Fills jars without a break until told to stop; the answers are counted. */
function filling(instances: readonly Instance[], jars: readonly string[]) {
  const filled = new Map(jars.map((jar) => [jar, 0]));
  const refused: string[] = [];
  let isOver = false;
  const client = async (each: number) => {
    for (let turn = 0; !isOver; turn += 1) {
      const { member } = instances[(each + turn) % instances.length]!;
      const jar = jars[(each + turn) % jars.length]!;
      try {
        await member.send('Fill', { jar, amount: 1 }, { idempotencyKey: `${each}/${turn}` });
        filled.set(jar, filled.get(jar)! + 1);
      } catch (error) {
        refused.push((error as { code: string }).code);
      }
    }
  };
  const clients = Promise.all(Array.from({ length: 12 }, (_, each) => client(each)));
  const stop = () => {
    isOver = true;
    return clients;
  };
  return { filled, refused, stop };
}

describe.skipIf(!hasKafka())('instances on Kafka (skipped where none can be had)', () => {
  test('one that owns nothing forwards, and reads what it wrote', async () => {
    const instances = await Instances.start();
    const owner = await instances.open('owner');
    const other = await instances.open('other', false);
    await ownsAll(owner.log, PARTITIONS);
    await until(() => other.log.ownerOf(0) !== 'moving', 'the other knows the owner');
    const { position } = await other.member.send('SetLimit', { limit: 10 });
    expect(other.log.headOffset()).toBeGreaterThanOrEqual(Number(position));
    const sent = Array.from({ length: 15 }, () => other.member.send('Fill', { jar: 'a', amount: 1 }));
    const outcomes = await Promise.allSettled(sent);
    expect(outcomes.map(({ status }) => status)).toEqual([
      ...Array(10).fill('fulfilled'),
      ...Array(5).fill('rejected'),
    ]);
  }, 60_000);

  test('while partitions move between instances, answers are right and none is lost', async () => {
    const instances = await Instances.start();
    const a = await instances.open('a');
    await ownsAll(a.log, PARTITIONS);
    await a.member.send('SetLimit', { limit: 1_000_000 });
    const jars = Array.from({ length: 9 }, (_, each) => `jar ${each}`);
    const b = await instances.open('b');
    const load = filling([a, b], jars);
    await until(() => owned(b).length > 0 && everythingIsOwned(a, b), 'a standby takes its part');
    await until(() => [...load.filled.values()].every((count) => count > 5), 'all jars are filled');

    // It lets go, and goes on forwarding.
    await a.membership().close();
    await until(() => owned(b).length === PARTITIONS, 'the other takes all');
    const before = new Map(load.filled);
    await until(() => jars.every((jar) => load.filled.get(jar)! > before.get(jar)! + 5), 'all jars are filled on');
    await load.stop();

    expect(load.refused).toEqual([]);
    for (const jar of jars) {
      const events = await Array.fromAsync(b.log.readStream(`jar-${jar}`));
      expect(events.map(({ revision }) => revision)).toEqual([...events.keys()]);
      expect(events.map(({ data }) => data.held)).toEqual([...events.keys()]);
      expect(events).toHaveLength(load.filled.get(jar)!);
    }
  }, 90_000);
});
