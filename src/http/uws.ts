/**
 * The one module that imports uWebSockets.js: the package that publishes the official binaries under names
 * (`uws-pack`), or the official one with its default export. `docs/reference/http.md` says how to change between them.
 * Only what Strata uses is typed here.
 */

export type HttpRequest = {
  /** The header's value, or an empty string. */
  getHeader(lowerCaseName: string): string;
  /** As it stands in the address: percent-encoding is kept. */
  getParameter(index: number): string | undefined;
  getUrl(): string;
  /** Without the question mark; undefined where there is none. */
  getQuery(): string | undefined;
  /** In lower case. */
  getMethod(): string;
};

export type HttpResponse = {
  pause(): void;
  resume(): void;
  writeStatus(status: string): HttpResponse;
  writeHeader(name: string, value: string): HttpResponse;
  /** False when the socket does not take more for now. */
  write(chunk: string | Uint8Array): boolean;
  end(body?: string | Uint8Array, closeConnection?: boolean): HttpResponse;
  endWithoutBody(): HttpResponse;
  /** A piece of a body of known length: [taken, all sent]. */
  tryEnd(chunk: Uint8Array, totalBytes: number): [boolean, boolean];
  getWriteOffset(): number;
  /** Of the socket, as text in bytes. */
  getRemoteAddressAsText(): ArrayBuffer;
  close(): HttpResponse;
  onWritable(handler: (offset: number) => boolean): HttpResponse;
  onAborted(handler: () => void): HttpResponse;
  /** The chunk's memory is used again after the call. */
  onData(handler: (chunk: ArrayBuffer, isLast: boolean) => void): HttpResponse;
  cork(write: () => void): HttpResponse;
  upgrade<Data>(data: Data, key: string, protocol: string, extensions: string, context: UpgradeContext): void;
};

export type UpgradeContext = { readonly __context: never };
export type ListenSocket = { readonly __listenSocket: never };

export type WebSocket<Data> = {
  /** 1 sent, 0 buffered, 2 dropped because more than `maxBackpressure` is buffered. */
  send(message: string | Uint8Array, isBinary?: boolean): number;
  getBufferedAmount(): number;
  end(code?: number, reason?: string): void;
  close(): void;
  subscribe(topic: string): boolean;
  unsubscribe(topic: string): boolean;
  getUserData(): Data;
};

export type WebSocketBehavior<Data> = {
  readonly maxPayloadLength: number;
  readonly maxBackpressure: number;
  readonly idleTimeout: number;
  readonly sendPingsAutomatically: boolean;
  readonly upgrade: (res: HttpResponse, req: HttpRequest, context: UpgradeContext) => void;
  readonly open: (socket: WebSocket<Data>) => void;
  readonly message: (socket: WebSocket<Data>, message: ArrayBuffer, isBinary: boolean) => void;
  readonly dropped: (socket: WebSocket<Data>, message: ArrayBuffer, isBinary: boolean) => void;
  readonly drain: (socket: WebSocket<Data>) => void;
  readonly close: (socket: WebSocket<Data>, code: number, message: ArrayBuffer) => void;
};

export type RouteHandler = (res: HttpResponse, req: HttpRequest) => void;
export type RouteMethod = 'get' | 'post' | 'put' | 'patch' | 'del' | 'head' | 'options' | 'any';

export type App = { readonly [method in RouteMethod]: (pattern: string, handler: RouteHandler) => App } & {
  ws<Data>(pattern: string, behavior: WebSocketBehavior<Data>): App;
  publish(topic: string, message: string | Uint8Array, isBinary?: boolean): boolean;
  listen(host: string, port: number, options: number, listening: (socket: ListenSocket | false) => void): App;
  /** Closes all sockets at once. */
  close(): App;
};

type Uws = {
  App(): App;
  us_listen_socket_close(socket: ListenSocket): void;
  us_socket_local_port(socket: ListenSocket): number;
  readonly LIBUS_LISTEN_EXCLUSIVE_PORT: number;
};

const HEADERS_BYTES_MAX = 16 * 1024;

// Read by the library when it is loaded; its own default is 4 KiB.
process.env.UWS_HTTP_MAX_HEADERS_SIZE ??= String(HEADERS_BYTES_MAX);
// Neither package's declarations are used, so that both fit.
const loaded = (await import('uWebSockets.js')) as unknown as Uws & { readonly default?: Uws };
const uws: Uws = loaded.default ?? loaded;

/** An application without TLS: that ends at the edge. */
export function createApp(): App {
  return uws.App();
}

export type Listening = { readonly port: number; stop(): void };

/** Listens; `null` when the address cannot be had. The port is ours alone: by default the library shares it. */
export function listen(app: App, host: string, port: number): Promise<Listening | null> {
  return new Promise((resolve) => {
    app.listen(host, port, uws.LIBUS_LISTEN_EXCLUSIVE_PORT, (socket) => {
      if (socket === false) return resolve(null);
      resolve({ port: uws.us_socket_local_port(socket), stop: () => uws.us_listen_socket_close(socket) });
    });
  });
}
