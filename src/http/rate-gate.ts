import type { RateLimits } from '#cache/rate-limits.ts';
import { errors, isStrataError } from '../errors.ts';
import type { Callers } from './callers.ts';
import type { Exchange } from './exchange.ts';
import { remoteAddress } from './remote-address.ts';
import type { HttpRequest } from './uws.ts';

/** Members among themselves: they prove who they are, and answer for callers that were counted already. */
const CLUSTER = '/v1/cluster/';

export type RateGateParts = { readonly callers: Callers; readonly limits: RateLimits; readonly trustedProxies: number };

/**
 * Counts the requests below `/v1` of each key, and of each address without one, and refuses those above the limit. Every
 * answer tells how many are left (draft-ietf-httpapi-ratelimit-headers-10).
 */
export class RateGate {
  readonly #parts: RateGateParts;
  readonly #policy: string;

  constructor(parts: RateGateParts) {
    this.#parts = parts;
    this.#policy = `"second";q=${parts.limits.perSecond};w=1`;
  }

  /** @throws request.rate-limited */
  pass(exchange: Exchange, req: HttpRequest): void {
    const url = req.getUrl();
    if (!url.startsWith('/v1/') || url.startsWith(CLUSTER) || req.getMethod() === 'options') return;
    const { remaining, resetSeconds, isWithin } = this.#parts.limits.take(this.#callerOf(exchange, req));
    exchange.fields = ['RateLimit-Policy', this.#policy, 'RateLimit', `"second";r=${remaining};t=${resetSeconds}`];
    if (isWithin) return;
    const detail = `no more than ${this.#parts.limits.perSecond} requests a second`;
    throw errors.error('request.rate-limited', detail, { retryAfterSeconds: resetSeconds });
  }

  /** A key only counts where it stands: who makes keys up is told by the address. */
  #callerOf({ res }: Exchange, req: HttpRequest): string {
    const { callers, trustedProxies } = this.#parts;
    const authorization = req.getHeader('authorization');
    try {
      if (callers.of(authorization) !== null) return authorization;
    } catch (error) {
      // The route refuses it by itself.
      if (!isStrataError(error)) throw error;
    }
    const socketAddress = Buffer.from(res.getRemoteAddressAsText()).toString('latin1');
    return `address ${remoteAddress(socketAddress, req.getHeader('x-forwarded-for'), trustedProxies)}`;
  }
}
