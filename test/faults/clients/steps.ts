import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { fresh, keyHash } from '#handling/idempotency.ts';
import type { Random } from '../../simulation/random.ts';
import { ACCOUNTS, CANVAS, FLEETING_ACCOUNT, SLOW_BOARD } from './ground.ts';
import type { Operation, OperationKind, Step } from './operation.ts';
import type { Sprouts } from './sprouts.ts';

type Begun = Exclude<OperationKind, 'settle' | 'void' | 'open'> | 'sprout';

/** How often each kind comes, in a hundred; a hold is followed by its end. */
const SHARES: readonly (readonly [Begun, number])[] = [
  ['debit', 24],
  ['sprout', 12],
  ['hold', 12],
  ['grant', 7],
  ['pixel', 22],
  ['slow-pixel', 8],
  ['upload', 2],
  ['edit', 3],
  ['read', 10],
];
const KEYED_CHANCE = 0.6;
const FLEETING_MS = { least: 3_000, more: 10_000 } as const;
/** Odd, so that multiplying by it visits every place of a board, whose sides are powers of two, once. */
const SCATTER = 40_503;

/** What a client does next, and what it remembers of what it did. */
export class Steps {
  readonly #client: number;
  readonly #clients: number;
  readonly #random: Random;
  #count = 0;
  readonly #next: Step[] = [];
  readonly #photos: string[] = [];
  readonly #sprouts: Sprouts;
  #lastPosition = '';

  /** `clients` is how many there are; `sprouts` are those of all of them. */
  constructor(client: number, clients: number, sprouts: Sprouts, random: Random) {
    this.#client = client;
    this.#clients = clients;
    this.#sprouts = sprouts;
    this.#random = random;
  }

  /** Several are sent at once. */
  async next(): Promise<readonly Step[]> {
    const waiting = this.#next.splice(0);
    if (waiting.length > 0) return waiting;
    this.#count += 1;
    return [await this.#step(this.#kind())];
  }

  learn(operation: Operation): void {
    const { step, outcome } = operation;
    this.#sprouts.learn(operation, this.#random);
    if (outcome.is !== 'accepted') return;
    this.#lastPosition = outcome.position;
    if (step.kind === 'upload') this.#photos.push(outcome.stream.slice('photo-'.length));
    if (step.kind === 'hold') this.#next.push(...this.#ends(step));
  }

  #kind(): Begun {
    let left = this.#random.below(SHARES.reduce((sum, [, share]) => sum + share, 0));
    for (const [kind, share] of SHARES) {
      left -= share;
      if (left < 0) return kind;
    }
    return 'debit';
  }

  async #step(kind: Begun): Promise<Step> {
    const name = `${this.#client}-${this.#count}`;
    const account = this.#random.pick(ACCOUNTS);
    const key = this.#random.chance(KEYED_CHANCE) ? `key-${name}` : null;
    switch (kind) {
      case 'debit':
        return debit(name, account, 1 + this.#random.below(20), key, account);
      case 'hold':
        return this.#hold(name, account, key);
      case 'grant': {
        const expiresInMs =
          account === FLEETING_ACCOUNT ? FLEETING_MS.least + this.#random.below(FLEETING_MS.more) : null;
        return grant(name, account, 30 + this.#random.below(40), expiresInMs);
      }
      case 'sprout':
        return this.#sprouts.next(name, this.#random);
      case 'pixel':
        return this.#pixel(kind, null, key);
      case 'slow-pixel':
        return this.#pixel(kind, account, key);
      case 'upload':
        return this.#upload(name, key);
      case 'edit':
        return this.#edit(name, key);
      case 'read':
        return read(account, this.#lastPosition);
    }
  }

  #hold(name: string, account: string, key: string | null): Step {
    const amount = 1 + this.#random.below(30);
    const body = { hold: name, amount, ttlSeconds: 2 + this.#random.below(20) };
    return {
      kind: 'hold',
      effect: `hold ${name}`,
      method: 'POST',
      path: `/v1/accounts/${account}/holds`,
      body,
      as: account,
      key,
      takes: { account, amount },
    };
  }

  /** Most holds are closed, some by two at once of which one is late, some are left to expire. */
  #ends(step: Step): Step[] {
    if (step.takes === undefined || this.#random.chance(0.2)) return [];
    const { account, amount } = step.takes;
    const hold = step.effect!.slice('hold '.length);
    const path = `/v1/accounts/${account}/holds/${hold}`;
    const key = (what: string) => (this.#random.chance(KEYED_CHANCE) ? `${what}-${hold}` : null);
    const settle: Step = {
      kind: 'settle',
      effect: `settle ${hold}`,
      method: 'POST',
      path: `${path}/settle`,
      body: { amount: 1 + this.#random.below(amount) },
      as: account,
      key: key('settle'),
    };
    const release: Step = {
      kind: 'void',
      effect: `void ${hold}`,
      method: 'DELETE',
      path,
      as: account,
      key: key('void'),
    };
    if (this.#random.chance(0.2)) return [settle, release];
    return [this.#random.chance(0.7) ? settle : release];
  }

  /** No two pixels of a run have the same place. */
  #pixel(kind: 'pixel' | 'slow-pixel', as: string | null, key: string | null): Step {
    const { board, side } = kind === 'pixel' ? CANVAS : SLOW_BOARD;
    const place = ((this.#count * this.#clients + this.#client) * SCATTER) % (side * side);
    const [x, y] = [place % side, Math.floor(place / side)];
    const path = `/v1/boards/${board}/pixels/${x}/${y}`;
    const body = { color: this.#random.below(16) };
    return { kind, effect: `pixel ${board} ${x},${y}`, method: 'PUT', path, body, as, key };
  }

  async #upload(name: string, key: string | null): Promise<Step> {
    const body = await picture(name);
    const sha256 = createHash('sha256').update(body).digest('hex');
    return { kind: 'upload', effect: `upload ${sha256}`, method: 'POST', path: '/v1/photos', body, as: null, key };
  }

  #edit(name: string, key: string | null): Step {
    if (this.#photos.length === 0) return read(ACCOUNTS[0]!, this.#lastPosition);
    const path = `/v1/photos/${this.#random.pick(this.#photos)}`;
    const body = { set: { title: `edit ${name}` } };
    return { kind: 'edit', effect: `edit ${name}`, method: 'PATCH', path, body, as: null, key };
  }
}

/** With the key of the account `as`, or the admin's. */
export function debit(name: string, account: string, amount: number, key: string | null, as: string | null): Step {
  return {
    kind: 'debit',
    effect: `debit ${name}`,
    method: 'POST',
    path: `/v1/accounts/${account}/debits`,
    body: { amount, operation: 'pin', reference: name },
    as,
    key,
    takes: { account, amount },
  };
}

/** Always with a key, which its id follows from: nothing else in its event tells one from another. */
export function grant(name: string, account: string, amount: number, expiresInMs: number | null): Step {
  const expiresAt = expiresInMs === null ? null : new Date(Date.now() + expiresInMs).toISOString();
  const key = `grant-${name}`;
  const made = fresh({ key: keyHash('admin', key), body: '' }, () => '');
  return {
    kind: 'grant',
    effect: `grant ${made.id('grant')}`,
    method: 'POST',
    path: `/v1/accounts/${account}/grants`,
    body: { amount, expiresAt },
    as: null,
    key,
  };
}

function read(account: string, least: string): Step {
  const path = `/v1/accounts/${account}`;
  return { kind: 'read', effect: null, method: 'GET', path, as: null, key: null, ...(least !== '' && { least }) };
}

/** A small picture that no other name has. */
async function picture(name: string): Promise<Buffer> {
  const pixels = Array.from({ length: 24 }, (_, at) => createHash('sha256').update(`${name} ${at}`).digest());
  const raw = { width: 16, height: 16, channels: 3 } as const;
  return sharp(Buffer.concat(pixels), { raw }).png().toBuffer();
}
