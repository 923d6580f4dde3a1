import type { Callers } from '#http/callers.ts';
import type { EventJson } from '#http/event-json.ts';
import { Exchange } from '#http/exchange.ts';
import type { HttpParts } from '#http/parts.ts';
import type { App, HttpRequest, HttpResponse, UpgradeContext } from '#http/uws.ts';
import type { Readings } from '#telemetry/metrics.ts';
import { errors } from '../errors.ts';
import { BUFFERED_BYTES_MAX, type ClientData, LiveClient } from './client.ts';
import { LiveFeed } from './feed.ts';
import { LiveCounts } from './live-counts.ts';
import { PhotoLibraries } from './photo-libraries.ts';
import { CLOSED } from './protocol.ts';

export const CONNECTIONS_MAX = 10_000;
const REPLAYS_AT_ONCE_MAX = 64;
const RECHECK_MS = 500;
const MESSAGE_BYTES_MAX = 4 * 1024;
const IDLE_SECONDS_MAX = 60;

/** The subprotocol, and how a browser, which cannot set headers, sends a key with it. */
const PROTOCOL = 'strata.v1';
const KEY_PROTOCOL = 'strata.key.';

export type LiveParts = Pick<HttpParts, 'log' | 'report'> & {
  readonly callers: Callers;
  readonly eventJson: EventJson;
};

export type LiveHub = {
  /** How many clients are connected. */
  connections(): number;
  readonly readings: Readings;
  /** Tells clients to connect again, and ends. */
  close(): void;
};

/** Serves `/v1/live`: see `docs/reference/live.md`. */
export function openLive(app: App, parts: LiveParts): LiveHub {
  const { log, eventJson, callers, report } = parts;
  const libraries = new PhotoLibraries(log);
  const counts = new LiveCounts();
  const feed = new LiveFeed(app, { log, eventJson, libraries, counts }, (error) => {
    report('the live feed ended', { error });
    for (const client of clients) client.end(CLOSED.restart, 'the live feed ended; connect again');
  });
  let replaying = 0;
  const replays = {
    begin: () => {
      if (replaying >= REPLAYS_AT_ONCE_MAX) return false;
      replaying += 1;
      return true;
    },
    end: () => {
      replaying -= 1;
    },
  };
  const clientParts = { log, feed, eventJson, libraries, callers, counts, report, replays };
  const clients = new Set<LiveClient>();
  let closing = false;
  const recheck = setInterval(() => {
    for (const client of clients) client.recheck();
  }, RECHECK_MS);

  const upgrade = (res: HttpResponse, req: HttpRequest, context: UpgradeContext) => {
    const exchange = new Exchange(res, false, { report, underWay: 0 });
    try {
      if (closing || clients.size >= CONNECTIONS_MAX) {
        throw errors.error('server.busy', 'no more live clients are admitted', { retryAfterSeconds: 5 });
      }
      const protocols = req.getHeader('sec-websocket-protocol').split(/\s*,\s*/);
      const key = protocols.find((protocol) => protocol.startsWith(KEY_PROTOCOL))?.slice(KEY_PROTOCOL.length);
      const authorization = req.getHeader('authorization') || (key === undefined ? '' : `Bearer ${key}`);
      callers.of(authorization);
      exchange.begin();
      res.upgrade(
        // The library copies the fields of what it is given: hence an object around the client.
        { client: new LiveClient(clientParts, authorization) },
        req.getHeader('sec-websocket-key'),
        protocols.includes(PROTOCOL) ? PROTOCOL : '',
        req.getHeader('sec-websocket-extensions'),
        context,
      );
    } catch (error) {
      exchange.refuse(error);
    }
  };

  app.ws<ClientData>('/v1/live', {
    maxPayloadLength: MESSAGE_BYTES_MAX,
    maxBackpressure: BUFFERED_BYTES_MAX,
    idleTimeout: IDLE_SECONDS_MAX,
    sendPingsAutomatically: true,
    upgrade,
    open: (socket) => {
      const { client } = socket.getUserData();
      clients.add(client);
      client.opened(socket);
    },
    message: (socket, message, isBinary) => socket.getUserData().client.heard(message, isBinary),
    dropped: (socket, message, isBinary) => socket.getUserData().client.dropped(message, isBinary),
    drain: (socket) => socket.getUserData().client.drained(),
    close: (socket) => {
      const { client } = socket.getUserData();
      clients.delete(client);
      client.closed();
    },
  });

  return {
    connections: () => clients.size,
    readings: counts.readings(() => clients.size),
    close: () => {
      closing = true;
      clearInterval(recheck);
      for (const client of clients)
        client.end(CLOSED.restart, 'the server restarts; connect again after a random while');
      feed.close();
    },
  };
}
