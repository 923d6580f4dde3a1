import type { LoggedEvent } from './evidence.ts';

/** An account after one of its events. */
export type Balance = {
  readonly offset: number;
  readonly available: number;
  readonly held: number;
  readonly spent: number;
  readonly expired: number;
  readonly granted: number;
};

type Amounts = { -readonly [name in Exclude<keyof Balance, 'offset'>]: number };

/** What an account was at every position, added up event by event. */
export class Ledger {
  readonly balances: Balance[] = [];
  readonly #holds = new Map<string, number>();
  readonly #now: Amounts = { available: 0, held: 0, spent: 0, expired: 0, granted: 0 };

  /** Takes the account's next event. Returns what is wrong about it, or `null`. */
  add({ type, data, offset }: LoggedEvent): string | null {
    const problem = this.#change(type, data);
    this.balances.push({ offset, ...this.#now });
    if (problem !== null) return problem;
    const { available, held, spent, expired, granted } = this.#now;
    const told = `${available} available, ${held} held, ${spent} spent, ${expired} expired, ${granted} granted`;
    if (available < 0 || held < 0) return told;
    return available + held + spent + expired === granted ? null : `does not add up: ${told}`;
  }

  #change(type: string, data: LoggedEvent['data']): string | null {
    const now = this.#now;
    switch (type) {
      case 'CreditsGranted':
        now.granted += data.amount;
        now.available += data.amount;
        return null;
      case 'CreditsDebited':
        now.available -= data.amount;
        now.spent += data.amount;
        return null;
      case 'GrantExpired':
        now.available -= data.amount;
        now.expired += data.amount;
        return null;
      case 'HoldPlaced':
        if (this.#holds.has(data.hold)) return `hold ${data.hold} is placed twice`;
        this.#holds.set(data.hold, data.amount);
        now.available -= data.amount;
        now.held += data.amount;
        return null;
      case 'HoldSettled':
        return this.#close(data.hold, data.amount, data);
      case 'HoldVoided':
      case 'HoldExpired':
        return this.#close(data.hold, 0, data);
      default:
        return null;
    }
  }

  #close(hold: string, spent: number, data: { readonly released: number; readonly expired: number }): string | null {
    const amount = this.#holds.get(hold);
    if (amount === undefined) return `hold ${hold} is closed and was not open`;
    this.#holds.delete(hold);
    this.#now.held -= amount;
    this.#now.spent += spent;
    this.#now.available += data.released;
    this.#now.expired += data.expired;
    return null;
  }

  /** The account as it was at the position; `null` before its first event. */
  at(offset: number): Balance | null {
    return this.balances[this.#indexAt(offset)] ?? null;
  }

  /** The least that was available at a position from `from` to `to`, both included. */
  leastAvailable(from: number, to: number): number {
    const first = this.#indexAt(from);
    let least = first < 0 ? 0 : Number.POSITIVE_INFINITY;
    for (let index = Math.max(0, first); index < this.balances.length; index += 1) {
      const { offset, available } = this.balances[index]!;
      if (offset > to) break;
      least = Math.min(least, available);
    }
    return least;
  }

  /** Of the last balance at or before the position; -1 before the first. */
  #indexAt(offset: number): number {
    let low = 0;
    let high = this.balances.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.balances[middle]!.offset <= offset) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
