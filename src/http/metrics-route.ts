import { hash, timingSafeEqual } from 'node:crypto';
import { Metrics } from '#telemetry/metrics.ts';
import type { Callers } from './callers.ts';
import type { HttpParts } from './parts.ts';
import type { Handler } from './router.ts';

const BEARER = /^Bearer +(\S+)$/i;

/**
 * `GET /metrics`: all metrics in Prometheus' text format, for an admin's key or for the token that may read nothing else.
 * There is no exception for loopback: behind a proxy on the same machine everybody calls from there.
 */
export function metricsHandler(parts: Pick<HttpParts, 'metrics' | 'metricsToken'> & { callers: Callers }): Handler {
  const { metrics, metricsToken, callers } = parts;
  const tokenHash = metricsToken === null ? null : hash('sha256', metricsToken, 'buffer');
  return (exchange, req) => {
    const authorization = req.getHeader('authorization');
    const sent = BEARER.exec(authorization)?.[1] ?? '';
    const isToken = tokenHash !== null && timingSafeEqual(hash('sha256', sent, 'buffer'), tokenHash);
    if (!isToken) callers.admin(authorization);
    metrics.text().then(
      (text) => exchange.send(200, Metrics.mediaType, text, ['Cache-Control', 'no-store']),
      (error: unknown) => exchange.refuse(error),
    );
  };
}
