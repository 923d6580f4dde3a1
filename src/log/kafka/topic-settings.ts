import type { FieldError } from '../../errors.ts';

/** Bytes of a batch that the brokers must take: what is sent at once, and what Kafka adds to it. */
const MESSAGE_BYTES_MIN = 1_572_864;

/** Every event is kept for ever, and no broker that missed some may lead. */
const EXACT: { readonly [setting: string]: string } = {
  'cleanup.policy': 'delete',
  'retention.ms': '-1',
  'retention.bytes': '-1',
  'unclean.leader.election.enable': 'false',
};

/** The settings that a topic with so many copies is made with. */
export function topicSettings(replicas: number): { name: string; value: string }[] {
  return Object.entries({ ...EXACT, ...leastOf(replicas) }).map(([name, value]) => ({ name, value: String(value) }));
}

/** What is wrong with the settings of a topic that is there. */
export function wrongSettings(
  topic: string,
  found: ReadonlyMap<string, string>,
  { partitions, replicas }: { readonly partitions: number; readonly replicas: number },
  told: { readonly partitions: number | null; readonly replicas: number | null },
): FieldError[] {
  const settingOf = (setting: string) => found.get(setting) ?? 'unknown';
  const wrong: FieldError[] = [];
  const expect = (setting: string, value: string | number, isRight: boolean, words: string) => {
    if (!isRight) wrong.push({ path: `${topic} ${setting}`, message: `is ${value} and must be ${words}` });
  };
  expect('partitions', partitions, partitions === (told.partitions ?? partitions), `${told.partitions}`);
  expect('replication', replicas, replicas >= (told.replicas ?? 1), `${told.replicas} or more`);
  for (const [setting, value] of Object.entries(EXACT))
    expect(setting, settingOf(setting), settingOf(setting) === value, value);
  for (const [setting, least] of Object.entries(leastOf(replicas))) {
    expect(setting, settingOf(setting), Number(settingOf(setting)) >= least, `${least} or more`);
  }
  return wrong;
}

function leastOf(replicas: number): { readonly [setting: string]: number } {
  return {
    // With two copies of every answered write, one broker may be lost.
    'min.insync.replicas': replicas >= 3 ? 2 : 1,
    'max.message.bytes': MESSAGE_BYTES_MIN,
  };
}
