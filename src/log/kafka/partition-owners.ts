import type { Membership } from '#cluster/membership.ts';
import { newId } from '#events/identity.ts';
import type { OwnedBy } from '#log/event-log.ts';
import { OwnedPartition } from './owned-partition.ts';
import type { Owner } from './partition-rule.ts';
import { encodePartitionOwned, type KafkaRecord } from './record.ts';

/** A `PartitionOwned` that was sent and is not read back after this long is sent again. */
const RESEND_MS = 2000;

/** What is read of the partitions. */
export type PartitionsRead = {
  owner(partition: number): Owner | null;
  progress(partition: number): { readonly counted: number; readonly replicated: number };
};

export type PartitionOwnersOptions = {
  readonly partitions: number;
  readonly membership: Membership;
  /** Where other members reach this one. */
  readonly address: string | null;
  readonly seed: number;
  readonly read: PartitionsRead;
  readonly send: (partition: number, records: readonly KafkaRecord[]) => Promise<void>;
  /** Called when writes are on their way. */
  readonly onSend: () => void;
  /** The monotonic clock, in ms. */
  readonly nowMs: () => number;
};

/** A `PartitionOwned` on its way. */
type Claim = { readonly nonce: string; readonly follows: number | null; sentAtMs: number; isSending: boolean };

/** A partition that this member has, once the replica has `from` of its writes. */
type Held = { readonly partition: OwnedPartition; readonly from: number };

/**
 * Which partitions this member writes to. What the membership assigns is taken over by a `PartitionOwned` that was read back:
 * from then on no record of an earlier owner counts.
 */
export class PartitionOwners {
  readonly #options: PartitionOwnersOptions;
  readonly #claims: (Claim | null)[];
  readonly #held: (Held | null)[];
  /** Let go, with writes that are not read back yet. */
  #leaving: OwnedPartition[] = [];
  #isClosed = false;

  constructor(options: PartitionOwnersOptions) {
    this.#options = options;
    this.#claims = Array.from({ length: options.partitions }, () => null);
    this.#held = Array.from({ length: options.partitions }, () => null);
    options.membership.onChange(() => this.tick());
  }

  /** `here` only while no other member can be believed to be the owner, and all that was written before can be read here. */
  ownerOf(partition: number): OwnedBy {
    const { membership, read, nowMs } = this.#options;
    const held = this.#held[partition];
    if (held?.partition.isOpen) {
      const isCaughtUp = read.progress(partition).replicated >= held.from;
      const isMine = membership.assigned().has(partition) && nowMs() < membership.leaseUntilMs();
      return isCaughtUp && isMine && !this.#isClosed ? 'here' : 'moving';
    }
    const owner = read.owner(partition);
    if (owner === null || owner.address === null || owner.member === membership.member) return 'moving';
    return membership.assigned().has(partition) ? 'moving' : { address: owner.address };
  }

  /** The partition, where writes may be handed over. */
  open(partition: number): OwnedPartition | null {
    return this.ownerOf(partition) === 'here' ? this.#held[partition]!.partition : null;
  }

  /** The partition while it is held here, whether writes can be handed over now or not. */
  held(partition: number): OwnedPartition | null {
    const held = this.#held[partition]?.partition ?? null;
    return held?.isOpen === true ? held : null;
  }

  /** A `PartitionOwned` counts. */
  owned(partition: number, owner: Owner, nonce: string): void {
    const { membership, send, onSend, read, nowMs } = this.#options;
    this.#held[partition]?.partition.lost();
    this.#held[partition] = null;
    for (const leaving of this.#leaving) if (leaving.partition === partition) leaving.lost();
    const isMine = this.#claims[partition]?.nonce === nonce;
    // Whoever won, the next claim follows this one.
    this.#claims[partition] = null;
    if (!isMine || this.#isClosed || !membership.assigned().has(partition)) return;
    const opened = new OwnedPartition({
      partition,
      owner: owner.number,
      send: (records) => send(partition, records),
      onSend,
      nowMs,
    });
    this.#held[partition] = { partition: opened, from: read.progress(partition).counted };
  }

  /** The owner that this member is or was, by its number. */
  byNumber(partition: number, owner: number): OwnedPartition | null {
    const held = this.#held[partition]?.partition;
    if (held?.owner === owner) return held;
    return this.#leaving.find((leaving) => leaving.partition === partition && leaving.owner === owner) ?? null;
  }

  /** Takes over and lets go what the membership says, and looks after what is overdue. */
  tick(): void {
    const { partitions, membership, nowMs } = this.#options;
    const assigned = membership.assigned();
    // One that was away does not take back what others have by now: it hears of that when it is in the group again.
    const mayClaim = !this.#isClosed && nowMs() < membership.leaseUntilMs();
    for (let partition = 0; partition < partitions; partition += 1) {
      const held = this.#held[partition]?.partition ?? null;
      if (held !== null && (!held.isOpen || this.#isClosed || !assigned.has(partition))) {
        held.letGo();
        this.#leaving.push(held);
        this.#held[partition] = null;
      }
      held?.tick();
      if (this.#held[partition] === null && assigned.has(partition) && mayClaim) this.#claim(partition);
      else this.#claims[partition] = null;
    }
    for (const leaving of this.#leaving) leaving.tick();
    this.#leaving = this.#leaving.filter((leaving) => !leaving.isDone);
  }

  /** Lets go of everything. */
  close(): void {
    this.#isClosed = true;
    this.tick();
  }

  #claim(partition: number): void {
    const { membership, address, seed, read, send, nowMs } = this.#options;
    const follows = read.owner(partition)?.number ?? null;
    let claim = this.#claims[partition] ?? null;
    if (claim === null || claim.follows !== follows) {
      claim = { nonce: newId(), follows, sentAtMs: Number.NEGATIVE_INFINITY, isSending: false };
      this.#claims[partition] = claim;
    }
    if (claim.isSending || nowMs() - claim.sentAtMs < RESEND_MS) return;
    claim.isSending = true;
    const { member } = membership;
    const { nonce } = claim;
    const sent = claim;
    send(partition, [encodePartitionOwned({ follows, member, nonce, address }, seed)])
      .then(
        () => {
          sent.sentAtMs = nowMs();
        },
        // The sender reports it; the next tick sends it again, and whichever comes first counts.
        () => undefined,
      )
      .finally(() => {
        sent.isSending = false;
      });
  }
}
