import { type LiveHub, openLive } from '#live/hub.ts';
import { errors } from '../errors.ts';
import { Callers } from './callers.ts';
import { commandsHandler } from './command-batch.ts';
import { commandHandler } from './command-routes.ts';
import { DappHosts } from './dapp-hosts.ts';
import { DappServer } from './dapp-routes.ts';
import { EventJson } from './event-json.ts';
import { JSON_TYPE } from './exchange.ts';
import { sendHealth, sendReadiness } from './health-routes.ts';
import { eventsHandler, streamHandler } from './log-routes.ts';
import { openApiDocument } from './openapi.ts';
import type { HttpParts } from './parts.ts';
import { Queries } from './query-routes.ts';
import { Router } from './router.ts';
import { uploadHandlers } from './upload-routes.ts';
import { type App, createApp, listen } from './uws.ts';

export type HttpServer = {
  readonly port: number;
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
  const router = new Router((exchange, req) => {
    const host = hosts.dappOf(req.getHeader('host'));
    if (host === null) return false;
    dapps.serveHost(exchange, req, host);
    return true;
  }, parts.report);

  addDeclared(router, parts, callers, eventJson, (label) => dappUrls.of(label));
  router.add('POST', '/v1/commands', commandsHandler(parts.domains, { ...parts, callers, eventJson }));
  router.add('GET', '/v1/events', eventsHandler({ ...parts, callers, eventJson }));
  router.add('GET', '/v1/streams/{stream}', streamHandler({ ...parts, callers, eventJson }));
  const document = JSON.stringify(openApiDocument(parts.domains));
  router.add('GET', '/v1/openapi.json', (exchange) => {
    exchange.send(200, JSON_TYPE, document, ['Cache-Control', 'no-cache']);
  });
  router.add('GET', '/v1/live', () => {
    throw errors.error('live.malformed', 'this address takes WebSocket connections');
  });
  router.add('GET', '/healthz', sendHealth);
  router.add('GET', '/readyz', (exchange) => sendReadiness(exchange, parts));
  router.add('POST', '/v1/clock/accept', (exchange, req) => {
    callers.admin(req.getHeader('authorization'));
    parts.acceptClock();
    sendReadiness(exchange, parts);
  });
  router.add('GET', '/dapps/{dapp}', (exchange, req) => dapps.serveShared(exchange, req));
  router.addBelow('/dapps/{dapp}', (exchange, req) => dapps.serveShared(exchange, req));

  const live = openLive(app, { ...parts, callers, eventJson });
  router.install(app);

  const listening = await listen(app, parts.host, parts.port);
  if (listening === null) {
    live.close();
    const message = `cannot be listened on at ${parts.host}: it is taken, or not this machine's`;
    throw errors.error('config.invalid', `port ${parts.port} ${message}`, {
      errors: [{ path: 'STRATA_PORT', message: `${parts.port} ${message}` }],
    });
  }
  dappUrls.port = listening.port;
  return {
    port: listening.port,
    close: () => close(app, router, live, listening),
  };
}

/** The domains' own routes. */
function addDeclared(
  router: Router,
  parts: HttpParts,
  callers: Callers,
  eventJson: EventJson,
  dappUrl: (label: string) => string,
): void {
  const queries = new Queries(parts, callers, dappUrl);
  const upload = uploadHandlers({ ...parts, callers, eventJson, dappUrl });
  for (const domain of parts.domains) {
    const versions = `v${domain.projections.map(({ version }) => version).join('.')}`;
    for (const route of domain.commandRoutes) {
      router.add(route.method, route.path, commandHandler(route, { ...parts, callers, eventJson }));
    }
    for (const route of domain.uploadRoutes) router.add(route.method, route.path, upload(route));
    for (const route of domain.queryRoutes) router.add('GET', route.path, queries.handler(route, versions));
  }
}

async function close(app: App, router: Router, live: LiveHub, listening: { stop(): void }): Promise<void> {
  listening.stop();
  live.close();
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
