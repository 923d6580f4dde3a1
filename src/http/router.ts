import type { Readings } from '#telemetry/metrics.ts';
import { errors } from '../errors.ts';
import { type Desk, Exchange, type Report } from './exchange.ts';
import { RouteCounts, routeReadings } from './route-counts.ts';
import { type RoutePattern, routePattern } from './route-pattern.ts';
import type { App, HttpRequest, RouteMethod } from './uws.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Answers the exchange, now or later. The request may be read only until it returns; what it throws is answered. */
export type Handler = (exchange: Exchange, req: HttpRequest, pattern: RoutePattern) => void;

/** Takes a request before all routes: true when it was its own, as those to a dapp's host are. */
export type Before = (exchange: Exchange, req: HttpRequest) => boolean;

type Entry = {
  readonly method: Method;
  readonly pattern: RoutePattern;
  readonly handler: Handler;
  readonly counts: RouteCounts;
};

const REGISTERED: { readonly [method in Method]: RouteMethod } = {
  GET: 'get',
  POST: 'post',
  PUT: 'put',
  PATCH: 'patch',
  DELETE: 'del',
};

const REQUEST_FIELDS =
  'Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Range, Strata-Min-Position';

/** Collects routes, then hands them to the library, with HEAD, OPTIONS, 404 and 405 for all of them. */
export class Router {
  readonly #entries: Entry[] = [];
  /** What no route takes: unknown addresses, other methods, preflights. */
  readonly #others = new RouteCounts('any', 'none');
  readonly #counts = [this.#others];
  readonly #before: Before;
  readonly #desk: Desk;

  constructor(before: Before, report: Report) {
    this.#before = before;
    this.#desk = { report, underWay: 0 };
  }

  /** Requests whose answer is not complete. */
  get underWay(): number {
    return this.#desk.underWay;
  }

  /** How requests are read as metrics. */
  get readings(): Readings {
    return routeReadings(this.#counts, () => this.#desk.underWay);
  }

  add(method: Method, path: string, handler: Handler): void {
    this.#entries.push({ method, pattern: routePattern(path), handler, counts: this.counts(method, path) });
  }

  /** Counts of their own, for what is told apart by something else than its path. */
  counts(method: string, route: string): RouteCounts {
    const counts = new RouteCounts(method, route);
    this.#counts.push(counts);
    return counts;
  }

  /** All addresses below a path. */
  addBelow(path: string, handler: Handler): void {
    const pattern = routePattern(path);
    const counts = this.counts('GET', `${path}/…`);
    this.#entries.push({ method: 'GET', pattern: { ...pattern, routed: `${pattern.routed}/*` }, handler, counts });
  }

  install(app: App): void {
    for (const [routed, entries] of Map.groupBy(this.#entries, ({ pattern }) => pattern.routed)) {
      for (const [method, own] of Map.groupBy(entries, (entry) => entry.method)) {
        const handler = chooseBySuffix(own);
        app[REGISTERED[method]](routed, this.#listener(handler, false));
        if (method === 'GET') app.head(routed, this.#listener(handler, true));
      }
      app.any(routed, this.#listener(otherMethod(entries), false));
    }
    const unknown: Handler = (_exchange, req) => {
      throw errors.error('request.unknown-route', `there is nothing at ${req.getUrl().slice(0, 200)}`);
    };
    const unknownPattern = routePattern('/');
    app.head(
      '/*',
      this.#listener((exchange, req) => unknown(exchange, req, unknownPattern), true),
    );
    app.any(
      '/*',
      this.#listener((exchange, req) => unknown(exchange, req, unknownPattern), false),
    );
  }

  #listener(handler: (exchange: Exchange, req: HttpRequest) => void, headOnly: boolean) {
    return (res: Exchange['res'], req: HttpRequest) => {
      const exchange = new Exchange(res, headOnly, this.#desk);
      exchange.counts = this.#others;
      try {
        if (!this.#before(exchange, req)) handler(exchange, req);
      } catch (error) {
        exchange.refuse(error);
      }
    };
  }
}

/** `{board}.png` before `{board}`: the longest suffix that fits. */
function chooseBySuffix(entries: readonly Entry[]): (exchange: Exchange, req: HttpRequest) => void {
  const only = entries.length === 1 ? entries[0]! : null;
  if (only !== null && only.pattern.suffix === '') {
    const { handler, pattern, counts } = only;
    return (exchange, req) => {
      exchange.counts = counts;
      handler(exchange, req, pattern);
    };
  }
  const longestFirst = entries.toSorted((a, b) => b.pattern.suffix.length - a.pattern.suffix.length);
  return (exchange, req) => {
    const last = req.getParameter(longestFirst[0]!.pattern.names.length - 1) ?? '';
    const entry = longestFirst.find(({ pattern: { suffix } }) => last.endsWith(suffix) && last.length > suffix.length);
    if (entry === undefined) {
      throw errors.error('request.unknown-route', `there is nothing at ${req.getUrl().slice(0, 200)}`);
    }
    exchange.counts = entry.counts;
    entry.handler(exchange, req, entry.pattern);
  };
}

function otherMethod(entries: readonly Entry[]): (exchange: Exchange, req: HttpRequest) => void {
  const methods = [...new Set(entries.map(({ method }) => method))];
  const allowed = [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ');
  return (exchange, req) => {
    if (req.getMethod() === 'options') {
      exchange.sendEmpty(204, [
        'Allow',
        allowed,
        'Access-Control-Allow-Methods',
        allowed,
        'Access-Control-Allow-Headers',
        REQUEST_FIELDS,
        'Access-Control-Max-Age',
        '86400',
      ]);
      return;
    }
    const detail = `${req.getUrl().slice(0, 200)} takes ${allowed}`;
    exchange.refuse(errors.error('request.wrong-method', detail), ['Allow', allowed]);
  };
}
