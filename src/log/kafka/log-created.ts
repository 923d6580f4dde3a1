import type { LogId } from '#log/event-log.ts';
import { errors } from '../../errors.ts';
import { decodeLogCreated, encodeLogCreated, type KafkaRecord, type LogCreated } from './record.ts';
import type { ReadRecord } from './replication.ts';

export type LogCreatedOptions = {
  /** What is made where there is no log yet. */
  readonly made: LogCreated;
  /** True where it must be that one. */
  readonly isRequired: boolean;
  /** Where partition 0 ended when reading began. */
  readonly end: number;
  /** Sends to partition 0. */
  readonly send: (records: readonly KafkaRecord[]) => Promise<void>;
};

/**
 * The log's first record: the first `LogCreated` in partition 0. Where there is none one is sent, and whichever is read first is
 * the log's, so members that begin at once have the same.
 */
export class LogCreatedSearch {
  readonly found: Promise<LogCreated>;
  readonly #options: LogCreatedOptions;
  #next = 0;
  #isSent = false;
  #isFound = false;
  #resolve: (created: LogCreated) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;

  constructor(options: LogCreatedOptions) {
    this.#options = options;
    this.found = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** The Kafka offset to read next; `null` once it is found. */
  next(): number | null {
    return this.#isFound ? null : this.#next;
  }

  /** Makes the log where there is nothing to read. */
  begin(): void {
    if (this.#next >= this.#options.end) this.#send();
  }

  read(records: readonly ReadRecord[]): void {
    const { made, isRequired } = this.#options;
    for (const { offset, value } of records) {
      const created = decodeLogCreated(value);
      this.#next = offset + 1;
      if (created === null) continue;
      this.#isFound = true;
      if (!isRequired || (created.id === made.id && created.epoch === made.epoch)) this.#resolve(created);
      else this.#reject(otherLog(created.id, made.id));
      return;
    }
    this.begin();
  }

  #send(): void {
    if (this.#isSent) return;
    this.#isSent = true;
    this.#options.send([encodeLogCreated(this.#options.made)]).catch(this.#reject);
  }
}

function otherLog(found: LogId, wanted: LogId) {
  return errors.error('log.other-engine', `the topic has the log ${found}, not ${wanted}`);
}
