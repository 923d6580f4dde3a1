/** Where a caller stands with its limit. */
export type Standing = {
  /** False: the request is one too many. */
  readonly isWithin: boolean;
  /** Requests that it may send at once. */
  readonly remaining: number;
  /** Whole seconds until it may send `perSecond` at once again; of a request too many, until it may send one. */
  readonly resetSeconds: number;
};

/** How many requests a second each caller may send; what it does not use within a second is lost. */
export interface RateLimits {
  readonly perSecond: number;
  /** Counts one request of the caller. Answers at once: what other members count is learned a little later. */
  take(caller: string): Standing;
  close(): void;
}

/** A caller's requests, as a bucket that fills evenly. */
export type Bucket = {
  /** May fall below zero where members counted too late. */
  tokens: number;
  /** When `tokens` was right; on the clock of `performance.now()`, in ms. */
  atMs: number;
  /** Taken here and not told to the other members yet. */
  untold: number;
};

/** Callers whose bucket is kept; as many again that were used before them may stand beside. A forgotten one is full again. */
const CALLERS_MAX = 50_000;
const MS_PER_SECOND = 1000;

/** The limits of one process. */
export class MemoryRateLimits implements RateLimits {
  readonly perSecond: number;
  readonly #nowMs: () => number;
  #recent = new Map<string, Bucket>();
  #older = new Map<string, Bucket>();

  /** `nowMs` never falls. */
  constructor(perSecond: number, nowMs: () => number = () => performance.now()) {
    this.perSecond = perSecond;
    this.#nowMs = nowMs;
  }

  take(caller: string): Standing {
    const bucket = this.bucketOf(caller);
    const { perSecond } = this;
    if (bucket.tokens < 1) {
      return { isWithin: false, remaining: 0, resetSeconds: Math.ceil((1 - bucket.tokens) / perSecond) };
    }
    bucket.tokens -= 1;
    bucket.untold += 1;
    const resetSeconds = Math.ceil((perSecond - bucket.tokens) / perSecond);
    return { isWithin: true, remaining: Math.floor(bucket.tokens), resetSeconds };
  }

  /** The caller's bucket, filled up to now. */
  bucketOf(caller: string): Bucket {
    const nowMs = this.#nowMs();
    let bucket = this.#recent.get(caller);
    if (bucket === undefined) {
      bucket = this.#older.get(caller) ?? { tokens: this.perSecond, atMs: nowMs, untold: 0 };
      if (this.#recent.size >= CALLERS_MAX) {
        this.#older = this.#recent;
        this.#recent = new Map();
      }
      this.#recent.set(caller, bucket);
    }
    const filled = ((nowMs - bucket.atMs) / MS_PER_SECOND) * this.perSecond;
    bucket.tokens = Math.min(this.perSecond, bucket.tokens + filled);
    bucket.atMs = nowMs;
    return bucket;
  }

  close(): void {}
}
