import { parsePosition, reaches } from '#events/position.ts';
import { CliFailure } from './failure.ts';

export type ClientOptions = {
  /** Origin of the server, as in `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly key: string | null;
};

/** A body and its media type; values other than bytes are sent as JSON. */
export type RequestBody = { readonly bytes: Uint8Array<ArrayBuffer> | Blob; readonly mediaType: string };

export type Query = { readonly [name: string]: string | number | undefined };

/** What RFC 9457 calls a problem, as the server answers it. */
export type Problem = {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
};

/** The server refused a request. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly problem: Problem;
  readonly retryAfterSeconds: number | null;

  constructor(problem: Problem, retryAfterSeconds: number | null) {
    super(describeProblem(problem));
    this.problem = problem;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** Several lines for people: the detail with its code, then each field that was wrong. */
export function describeProblem(problem: Problem): string {
  const fields = (problem.errors ?? []).map(({ path, message }) => `\n  ${path === '' ? '(body)' : path}: ${message}`);
  return `${problem.detail || problem.title} (${problem.status} ${problem.code})${fields.join('')}`;
}

/** The address of a resource: `boards/demo` stands for `/v1/boards/demo`; what begins with `/` is taken as it is. */
export function apiPath(path: string): string {
  return path.startsWith('/') ? path : `/v1/${path}`;
}

/**
 * The HTTP API, typed as far as every route has it in common. A client reads its own writes: whichever of several members
 * answers, it has what the last of its changes was answered with.
 */
export class StrataClient {
  readonly url: string;
  readonly key: string | null;
  #lastWritten: string | null = null;

  constructor(options: ClientOptions) {
    this.url = options.url.replace(/\/+$/, '');
    this.key = options.key;
  }

  /**
   * One request; resolves with any status below 400.
   * @throws ProblemError when the server refuses, CliFailure when none answers.
   */
  async request(
    method: string,
    path: string,
    options: { query?: Query; body?: RequestBody | null; headers?: { readonly [name: string]: string } } = {},
  ): Promise<Response> {
    const response = await this.send(method, path, options);
    if (response.status >= 400) throw await problemOf(response);
    return response;
  }

  /** As `request`, but resolves with refusals too. */
  async send(
    method: string,
    path: string,
    options: { query?: Query; body?: RequestBody | null; headers?: { readonly [name: string]: string } } = {},
  ): Promise<Response> {
    const url = this.#address(path, options.query);
    const headers = new Headers(options.headers);
    if (this.key !== null) headers.set('Authorization', `Bearer ${this.key}`);
    if (options.body) headers.set('Content-Type', options.body.mediaType);
    if (this.#lastWritten !== null) headers.set('Strata-Min-Position', this.#lastWritten);
    let response: Response;
    try {
      response = await fetch(url, { method, headers, body: options.body?.bytes ?? null });
    } catch (error) {
      throw unreachable(this.url, error);
    }
    if (method !== 'GET' && response.ok) this.#notice(response.headers.get('Strata-Position'));
    return response;
  }

  /**
   * Resolves once what was written up to the position can be read, by whoever reads next; after some seconds of waiting
   * in vain all the same.
   */
  async settled(position: string | null): Promise<void> {
    this.#notice(position);
    // Any read of a projection waits for the position that it names.
    const response = await this.send('GET', 'dapps', { query: { limit: 1 } });
    await response.arrayBuffer();
  }

  #notice(position: string | null): void {
    const last = this.#lastWritten;
    if (position === null || (last !== null && reaches(parsePosition(last), parsePosition(position)))) return;
    this.#lastWritten = position;
  }

  /** GET of a JSON document. */
  async json<Shape = unknown>(path: string, query?: Query): Promise<Shape> {
    const response = await this.request('GET', path, query === undefined ? {} : { query });
    // The caller names the shape that the contract gives this route.
    return (await response.json()) as Shape;
  }

  /** A request with a JSON body, answered with JSON. */
  async command<Shape = unknown>(method: string, path: string, body: object, idempotencyKey?: string): Promise<Shape> {
    const headers = idempotencyKey === undefined ? {} : { 'Idempotency-Key': idempotencyKey };
    const response = await this.request(method, path, { body: jsonBody(body), headers });
    return (await response.json()) as Shape;
  }

  #address(path: string, query: Query = {}): URL {
    let url: URL;
    try {
      url = new URL(`${this.url}${apiPath(path)}`);
    } catch {
      throw new CliFailure(`"${this.url}" is not the address of a server, as in http://127.0.0.1:8080`, 2);
    }
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    return url;
  }
}

/** A value as the body of a request. */
export function jsonBody(value: unknown): RequestBody {
  return { bytes: new TextEncoder().encode(JSON.stringify(value)), mediaType: 'application/json' };
}

/** Reads the refusal that a response is. */
export async function problemOf(response: Response): Promise<ProblemError> {
  const text = await response.text();
  const wait = Number(response.headers.get('Retry-After') ?? Number.NaN);
  return new ProblemError(parseProblem(text, response.status), Number.isFinite(wait) ? wait : null);
}

/** Reads a problem; an answer that is none (a proxy's page) becomes one. */
function parseProblem(text: string, status: number): Problem {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && 'code' in value) return value as Problem;
  } catch {
    // Not JSON: told below by its status.
  }
  const detail = text.trim().slice(0, 200) || 'the server gave no reason';
  return { status, code: 'no-problem-document', title: 'The request was refused', detail };
}

function unreachable(url: string, error: unknown): CliFailure {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const reason =
    cause instanceof Error ? cause.message || String((cause as NodeJS.ErrnoException).code) : String(cause);
  return new CliFailure(
    `no Strata server answers at ${url} (${reason}). Start one with \`npm start\`, or name another with --url.`,
  );
}
