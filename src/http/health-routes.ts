import { type Exchange, JSON_TYPE } from './exchange.ts';
import type { HttpParts } from './parts.ts';
import { problemOf } from './problem.ts';

const UNCACHED = ['Cache-Control', 'no-store'];

/** `GET /healthz`: the process answers. */
export function sendHealth(exchange: Exchange): void {
  exchange.send(200, JSON_TYPE, '{"ok":true}', UNCACHED);
}

/** `GET /readyz`: 200 once the projections reached the head that the start found and nothing is wrong, else 503 and why. */
export function sendReadiness(exchange: Exchange, parts: Pick<HttpParts, 'health' | 'status'>): void {
  const { ready, problems } = parts.health();
  const body = JSON.stringify({ ready, problems: problems.map(problemOf), ...parts.status() });
  exchange.send(ready ? 200 : 503, JSON_TYPE, body, ready ? UNCACHED : [...UNCACHED, 'Retry-After', '1']);
}
