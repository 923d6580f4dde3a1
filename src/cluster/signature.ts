import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { errors, type StrataError } from '../errors.ts';

/** A request is believed for so long, and members' clocks may differ by as much. */
const BELIEVED_MS = 30_000;
/** Channels remembered at most: each member has a few. */
const CHANNELS_MAX = 10_000;
const SIGNATURE = /^([0-9a-f]{32}) ([1-9][0-9]{0,15}) ([1-9][0-9]{0,15}) ([0-9a-f]{64})$/;

/** The header that a member signs its requests in. */
export const SIGNATURE_HEADER = 'strata-member';

/**
 * Signs the requests that go out on one channel, in order, with the secret that all members share: channel, number, time
 * (ms since 1970) and the HMAC-SHA256 of `<url>\n<channel>\n<number>\n<time>\n<body>`, so that no other member believes it.
 */
export class Signer {
  readonly #secret: string;
  readonly #url: string;
  readonly #clock: () => number;
  readonly #channel = randomBytes(16).toString('hex');
  #number = 0;

  /** `url` is where the requests go. */
  constructor(secret: string, url: string, clock: () => number) {
    this.#secret = secret;
    this.#url = url;
    this.#clock = clock;
  }

  /** The value of `SIGNATURE_HEADER`. */
  sign(body: Buffer): string {
    this.#number += 1;
    const signed = `${this.#channel} ${this.#number} ${this.#clock()}`;
    return `${signed} ${digest(this.#secret, `${this.#url} ${signed}`, body).toString('hex')}`;
  }
}

type Channel = { number: number; heardMs: number };

/** Checks what `Signer` signed: each request once, and only for half a minute. */
export class SignatureCheck {
  readonly #secret: string;
  readonly #url: string;
  readonly #clock: () => number;
  readonly #channels = new Map<string, Channel>();

  /** `url` is where the other members reach this one. */
  constructor(secret: string, url: string, clock: () => number) {
    this.#secret = secret;
    this.#url = url;
    this.#clock = clock;
  }

  /** @throws cluster.refused */
  require(header: string, body: Buffer): void {
    const match = SIGNATURE.exec(header);
    if (match === null) throw refused('the request is not signed');
    const [, id = '', number, timeMs, mac = ''] = match;
    const wanted = digest(this.#secret, `${this.#url} ${id} ${number} ${timeMs}`, body);
    if (!timingSafeEqual(wanted, Buffer.from(mac, 'hex'))) {
      throw refused(`the signature is not made with this STRATA_CLUSTER_SECRET for ${this.#url}`);
    }
    const now = this.#clock();
    if (Math.abs(now - Number(timeMs)) > BELIEVED_MS) {
      throw refused(`it was signed ${now - Number(timeMs)} ms ago: members' clocks may differ by ${BELIEVED_MS} ms`);
    }
    const channel = this.#channels.get(id);
    if (channel !== undefined && Number(number) <= channel.number) throw refused('the request came before');
    if (channel === undefined) this.#makeRoom(now);
    this.#channels.set(id, { number: Number(number), heardMs: now });
  }

  /** Forgets channels whose requests are too old to be believed anyway. */
  #makeRoom(now: number): void {
    if (this.#channels.size < CHANNELS_MAX) return;
    for (const [id, { heardMs }] of this.#channels) {
      if (now - heardMs > 2 * BELIEVED_MS) this.#channels.delete(id);
    }
    if (this.#channels.size >= CHANNELS_MAX) throw refused('too many channels are open');
  }
}

function digest(secret: string, signed: string, body: Buffer): Buffer {
  return createHmac('sha256', secret).update(signed.replaceAll(' ', '\n')).update('\n').update(body).digest();
}

function refused(detail: string): StrataError {
  return errors.error('cluster.refused', detail);
}
