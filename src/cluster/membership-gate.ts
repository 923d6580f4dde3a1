import type { Membership } from './membership.ts';

/**
 * Keeps a member from being given partitions before it can serve them: a log is ready when its replica is nearly caught up,
 * the process when it answers requests. And lets it leave before its log is closed, so that it forwards what it is still
 * asked while others take over.
 */
export class MembershipGate {
  #membership: Membership | null = null;
  #isLogReady = false;
  #isOpen = false;

  /** The membership as the log sees it. */
  guard(membership: Membership): Membership {
    this.#membership = membership;
    return {
      member: membership.member,
      assigned: () => membership.assigned(),
      onChange: (listener) => membership.onChange(listener),
      leaseUntilMs: () => membership.leaseUntilMs(),
      setReady: (isReady) => {
        this.#isLogReady = isReady;
        this.#tell();
      },
      close: () => membership.close(),
    };
  }

  /** The process serves what it is given from now on. */
  open(): void {
    this.#isOpen = true;
    this.#tell();
  }

  /** Gives all partitions up: others take them at once. */
  async leave(): Promise<void> {
    this.#isOpen = false;
    await this.#membership?.close();
  }

  #tell(): void {
    this.#membership?.setReady(this.#isLogReady && this.#isOpen);
  }
}
