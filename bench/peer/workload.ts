/** One account's debits, an event each: what both sides are asked to append. */
export type Debit = {
  readonly account: string;
  readonly amount: 1;
  readonly operation: 'upload';
  readonly bytes: number;
};

/** A store under measurement. Stream `n` is the account of that number. */
export interface Subject {
  readonly name: string;
  /**
   * True when commands on one stream may follow each other before the first is durable. Others get them one by one: with
   * revisions expected, all but one of those sent together would only be refused.
   */
  readonly pipelined: boolean;
  /** Callers that it stands. */
  readonly callersMax: number;
  /** Makes the accounts; not measured. */
  prepare(streams: number): Promise<void>;
  /**
   * Appends one debit that expects the stream to hold `debits` of them already. Resolves when it is durable and, where the
   * store does that in line, projected.
   */
  append(stream: number, debits: number): Promise<void>;
  /** Resolves when everything appended is projected. */
  settled(): Promise<void>;
  /** What the projection says was debited from all accounts together. */
  projected(): Promise<number>;
  close(): Promise<void>;
}

export type Workload = { readonly streams: number; readonly callers: number; readonly seconds: number };

export type Outcome = {
  readonly subject: string;
  readonly streams: number;
  readonly callers: number;
  readonly appended: number;
  /** Until the last was durable and projected. */
  readonly seconds: number;
  readonly perSecond: number;
};

/** Runs the workload: every caller sends its next append when the last is answered. */
export async function run(subject: Subject, workload: Workload): Promise<Outcome> {
  const callers = Math.min(workload.callers, subject.callersMax);
  await subject.prepare(workload.streams);
  const before = await subject.projected();
  const endMs = performance.now() + workload.seconds * 1000;
  const startMs = performance.now();
  const appended =
    workload.streams === 1
      ? await oneStream(subject, callers, endMs)
      : await manyStreams(subject, workload.streams, callers, endMs);
  await subject.settled();
  const seconds = (performance.now() - startMs) / 1000;

  const projected = (await subject.projected()) - before;
  if (projected !== appended)
    throw new Error(`${subject.name} answered ${appended} appends and projected ${projected}`);
  return {
    subject: subject.name,
    streams: workload.streams,
    callers,
    appended,
    seconds,
    perSecond: appended / seconds,
  };
}

/** Each caller goes round its own share of the streams, so that every expected revision is the right one. */
async function manyStreams(subject: Subject, streams: number, callers: number, endMs: number): Promise<number> {
  const counts = await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      const own = Array.from({ length: Math.ceil((streams - caller) / callers) }, (_, at) => caller + at * callers);
      const debits = new Map(own.map((stream) => [stream, 0]));
      let appended = 0;
      while (performance.now() < endMs) {
        const stream = own[appended % own.length]!;
        await subject.append(stream, debits.get(stream)!);
        debits.set(stream, debits.get(stream)! + 1);
        appended += 1;
      }
      return appended;
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

async function oneStream(subject: Subject, callers: number, endMs: number): Promise<number> {
  let debits = 0;
  let turn: Promise<void> = Promise.resolve();
  const next = () => {
    if (subject.pipelined) {
      debits += 1;
      return subject.append(0, debits - 1);
    }
    turn = turn.then(async () => {
      await subject.append(0, debits);
      debits += 1;
    });
    return turn;
  };
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (performance.now() < endMs) await next();
    }),
  );
  return debits;
}
