import type { Domain } from '#handling/domain.ts';
import type { RebuildableProjections } from '#history/folding/rebuildable.ts';
import { diffCatalogue } from '#history/items/diff.ts';
import type { Showing } from '#history/items/items.ts';
import { createShowing } from '#history/items/showing.ts';
import { type LiveHub, openLive } from '#live/hub.ts';
import { ALL_ROLES } from '../config.ts';
import { errors } from '../errors.ts';
import { Callers } from './callers.ts';
import { clusterCommandsHandler } from './cluster-routes.ts';
import { commandsHandler } from './command-batch.ts';
import { commandHandler } from './command-routes.ts';
import { countRoute } from './count-route.ts';
import { DappHosts } from './dapp-hosts.ts';
import { DappServer } from './dapp-routes.ts';
import { diffHandler } from './diff-routes.ts';
import { EventJson } from './event-json.ts';
import { JSON_TYPE } from './exchange.ts';
import { sendHealth, sendReadiness } from './health-routes.ts';
import { eventsHandler, streamHandler } from './log-routes.ts';
import { metricsHandler } from './metrics-route.ts';
import { openApiDocument } from './openapi.ts';
import type { HttpParts } from './parts.ts';
import { addProjectionRoutes } from './projection-routes.ts';
import { Queries } from './query-routes.ts';
import { RateGate } from './rate-gate.ts';
import { revertHandlers } from './revert-routes.ts';
import { Router } from './router.ts';
import { addTransparencyRoutes } from './transparency-routes.ts';
import { uploadHandlers } from './upload-routes.ts';
import { type App, createApp, listen } from './uws.ts';
import { whatIfHandler } from './what-if-routes.ts';

export type HttpServer = {
  readonly port: number;
  /** The address of a dapp, or of one of its deploys, by its label. */
  readonly dappUrl: (label: string) => string;
  /** Stops listening, tells live clients to reconnect, gives requests under way 5 s, then closes all connections. */
  close(): Promise<void>;
};

const DRAIN_MS_MAX = 5_000;
const DRAIN_CHECK_MS = 20;

/**
 * Starts the API, the live socket and the published dapps on one port.
 * @throws config.invalid when the address cannot be listened on.
 */
export async function startHttpServer(parts: HttpParts): Promise<HttpServer> {
  const app = createApp();
  const callers = new Callers((token) => parts.authenticate(token));
  const eventJson = new EventJson(parts.log, parts.keys, parts.domains);
  const dappUrls = new DappUrls(parts.dappDomain);
  const hosts = new DappHosts(parts.dappDomain);
  const dapps = new DappServer(parts);
  const { rateLimits: limits } = parts.shared;
  const gate = limits === null ? null : new RateGate({ ...parts, callers, limits });
  const { roles = ALL_ROLES } = parts;
  const router = new Router((exchange, req) => {
    gate?.pass(exchange, req);
    const host = roles.has('api') ? hosts.dappOf(req.getHeader('host')) : null;
    if (host === null) return false;
    exchange.counts = ofDapps;
    dapps.serveHost(exchange, req, host);
    return true;
  }, parts.report);
  const ofDapps = router.counts('any', 'dapp host');

  const showing = createShowing({ ...parts, dappUrl: (label) => dappUrls.of(label) });
  if (roles.has('api')) addApi(router, parts, { callers, eventJson, showing, dapps });
  if (roles.has('live')) {
    router.add('GET', '/v1/live', () => {
      throw errors.error('live.malformed', 'this address takes WebSocket connections');
    });
  }
  if (parts.cluster !== undefined) {
    router.add('POST', '/v1/cluster/commands', clusterCommandsHandler(parts.cluster));
  }
  router.add('GET', '/healthz', sendHealth);
  router.add('GET', '/readyz', (exchange) => sendReadiness(exchange, parts));
  router.add('GET', '/metrics', metricsHandler({ ...parts, callers }));
  router.add('POST', '/v1/clock/accept', (exchange, req) => {
    callers.admin(req.getHeader('authorization'));
    parts.acceptClock();
    sendReadiness(exchange, parts);
  });

  const live = roles.has('live') ? openLive(app, { ...parts, callers, eventJson }) : null;
  router.install(app);
  parts.metrics.add(router.readings);
  if (live !== null) parts.metrics.add(live.readings);

  const listening = await listen(app, parts.host, parts.port);
  if (listening === null) {
    live?.close();
    const message = `cannot be listened on at ${parts.host}: it is taken, or not this machine's`;
    throw errors.error('config.invalid', `port ${parts.port} ${message}`, {
      errors: [{ path: 'STRATA_PORT', message: `${parts.port} ${message}` }],
    });
  }
  dappUrls.port = listening.port;
  return {
    port: listening.port,
    dappUrl: showing.dappUrl,
    close: () => close(app, router, live, listening),
  };
}

type ApiParts = {
  readonly callers: Callers;
  readonly eventJson: EventJson;
  readonly showing: Showing;
  readonly dapps: DappServer;
};

/** What clients and browsers ask: all of `/v1` but live, and the published dapps. */
function addApi(router: Router, parts: HttpParts, { callers, eventJson, showing, dapps }: ApiParts): void {
  addDeclared(router, parts, callers, eventJson, showing);
  router.add('POST', '/v1/commands', commandsHandler(parts.domains, { ...parts, callers, eventJson }));
  router.add('GET', '/v1/events', eventsHandler({ ...parts, callers, eventJson }));
  router.add('GET', '/v1/streams/{stream}', streamHandler({ ...parts, callers, eventJson }));
  addTransparencyRoutes(router, { ...parts, callers });
  addProjectionRoutes(router, { ...parts, callers });
  const document = JSON.stringify(openApiDocument(parts.domains));
  router.add('GET', '/v1/openapi.json', (exchange) => {
    exchange.send(200, JSON_TYPE, document, ['Cache-Control', 'no-cache']);
  });
  router.add('GET', '/dapps/{dapp}', (exchange, req) => dapps.serveShared(exchange, req));
  router.addBelow('/dapps/{dapp}', (exchange, req) => dapps.serveShared(exchange, req));
}

/** The domains' own routes. */
function addDeclared(router: Router, parts: HttpParts, callers: Callers, eventJson: EventJson, showing: Showing): void {
  const queries = new Queries(parts, callers, showing);
  const upload = uploadHandlers({ ...parts, callers, eventJson, dappUrl: showing.dappUrl });
  const revert = revertHandlers({ ...parts, callers, eventJson, showing });
  const catalogue = diffCatalogue(parts.domains);
  router.add('GET', '/v1/diff', diffHandler({ ...parts, callers, catalogue, showing }));
  router.add('POST', '/v1/whatif', whatIfHandler({ ...parts, callers, catalogue, showing }));
  const counts = countRoute(catalogue);
  router.add(
    'GET',
    counts.path,
    queries.handler(counts, () => 'v1'),
  );
  for (const domain of parts.domains) {
    const copies = copiesOf(domain, parts.projections);
    for (const route of domain.commandRoutes) {
      router.add(route.method, route.path, commandHandler(route, { ...parts, callers, eventJson }));
    }
    for (const route of domain.uploadRoutes) router.add(route.method, route.path, upload(route));
    for (const route of domain.revertRoutes ?? []) router.add('POST', route.path, revert(route));
    for (const route of domain.queryRoutes) router.add('GET', route.path, queries.handler(route, copies));
  }
}

/** `v1`, `v2.1`; `v1r2` where the second copy of version 1 serves, which may have mended what the first got wrong. */
function copiesOf({ projections: declared }: Domain, projections: RebuildableProjections): () => string {
  let takeOvers = -1;
  let tag = '';
  return () => {
    // Asked at every read, and it changes with a copy that takes over.
    if (takeOvers === projections.takeOvers) return tag;
    takeOvers = projections.takeOvers;
    const copies = declared.map(({ name, version }) => {
      const generation = projections.generationOf(name);
      return generation === 1 ? `${version}` : `${version}r${generation}`;
    });
    tag = `v${copies.join('.')}`;
    return tag;
  };
}

async function close(app: App, router: Router, live: LiveHub | null, listening: { stop(): void }): Promise<void> {
  listening.stop();
  live?.close();
  const deadlineMs = performance.now() + DRAIN_MS_MAX;
  while (router.underWay > 0 && performance.now() < deadlineMs) {
    await new Promise((resolve) => setTimeout(resolve, DRAIN_CHECK_MS));
  }
  app.close();
}

/** The addresses of dapps; the port is known once the server listens. */
class DappUrls {
  port = 80;
  readonly #domain: string;

  constructor(domain: string) {
    this.#domain = domain;
  }

  of(label: string): string {
    return `http://${label}.${this.#domain}${this.port === 80 ? '' : `:${this.port}`}/`;
  }
}
