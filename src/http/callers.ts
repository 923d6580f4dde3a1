import type { Principal } from '#handling/domain.ts';
import { errors } from '../errors.ts';

/** A key is looked up again after this long, so that a revoked one stops. */
const BELIEVED_MS = 500;
const KEPT_MAX = 10_000;
const BEARER = /^Bearer +([\x21-\x7e]{1,512})$/i;

type Believed = { readonly caller: Principal; readonly untilMs: number };

/** Finds out who calls, from `Authorization: Bearer <key>`. */
export class Callers {
  readonly #authenticate: (token: string) => Principal | null;
  readonly #nowMs: () => number;
  readonly #believed = new Map<string, Believed>();
  /** The one of the last request: comparing texts costs less than looking up one that was just made. */
  #last: (Believed & { readonly authorization: string }) | null = null;

  /** `nowMs` never falls. */
  constructor(authenticate: (token: string) => Principal | null, nowMs: () => number = () => performance.now()) {
    this.#authenticate = authenticate;
    this.#nowMs = nowMs;
  }

  /**
   * The caller, or `null` where no key was sent.
   * @throws auth.unknown-key for a key that does not stand; auth.required for another scheme.
   */
  of(authorization: string): Principal | null {
    if (authorization === '') return null;
    const nowMs = this.#nowMs();
    const last = this.#last;
    if (last !== null && nowMs < last.untilMs && last.authorization === authorization) return last.caller;
    const believed = this.#believed.get(authorization);
    if (believed !== undefined && nowMs < believed.untilMs) {
      this.#last = { authorization, ...believed };
      return believed.caller;
    }

    const token = BEARER.exec(authorization)?.[1];
    if (token === undefined) throw errors.error('auth.required', 'Authorization takes the form "Bearer <key>"');
    const caller = this.#authenticate(token);
    if (caller === null) {
      this.#believed.delete(authorization);
      throw errors.error('auth.unknown-key', 'the key is unknown, revoked or expired');
    }
    if (this.#believed.size >= KEPT_MAX) this.#believed.clear();
    this.#believed.set(authorization, { caller, untilMs: nowMs + BELIEVED_MS });
    return caller;
  }

  /** @throws auth.required where no key was sent, and as `of`. */
  required(authorization: string): Principal {
    const caller = this.of(authorization);
    if (caller === null) throw errors.error('auth.required', 'send a key as "Authorization: Bearer <key>"');
    return caller;
  }

  /** @throws auth.forbidden for any other key than an admin's. */
  admin(authorization: string): Principal {
    const caller = this.required(authorization);
    if (caller.role !== 'admin') throw errors.error('auth.forbidden', 'this takes the key of an admin');
    return caller;
  }
}
