import http from 'node:http';
import https from 'node:https';
import { SIGNATURE_HEADER, Signer } from './signature.ts';

/** A member that does not answer by then is taken for lost. */
const ANSWER_MS_MAX = 10_000;
/** A connection is not used again after this: the other side closes it after 10 s. */
const IDLE_MS_MAX = 5_000;
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
/** How a member says why it did nothing; what a proxy says of itself is of other types. */
const PROBLEM_TYPE = 'application/problem+json';

/** The answer's body; or that none came, and whether the member may have acted on the request nevertheless. */
export type ChannelAnswer =
  | { readonly ok: true; readonly body: string }
  | { readonly ok: false; readonly reached: boolean; readonly why: string };

export type ChannelOptions = {
  /** `http://10.0.0.7:8080`, as the member advertises it. */
  readonly address: string;
  readonly path: string;
  readonly secret: string;
  /** ms since 1970. */
  readonly clock: () => number;
  /** 10 s unless told. */
  readonly answerMsMax?: number;
};

/** One connection to another member, kept open: signed requests, one at a time. */
export class MemberChannel {
  readonly #options: ChannelOptions;
  readonly #url: URL;
  readonly #signer: Signer;
  readonly #agent: http.Agent;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.#url = new URL(options.path, options.address);
    this.#signer = new Signer(options.secret, this.#url.href, options.clock);
    const kept = { keepAlive: true, maxSockets: 1, timeout: IDLE_MS_MAX };
    this.#agent = this.#isSecure ? new https.Agent(kept) : new http.Agent(kept);
  }

  get #isSecure(): boolean {
    return this.#url.protocol === 'https:';
  }

  /** Sends a JSON body; a problem that the member answers says that it did nothing with it. */
  post(text: string): Promise<ChannelAnswer> {
    const body = Buffer.from(text);
    const headers = {
      'content-type': 'application/json',
      'content-length': body.length,
      [SIGNATURE_HEADER]: this.#signer.sign(body),
    };
    return new Promise((resolve) => {
      let isReached = false;
      const fail = (why: string) => resolve({ ok: false, reached: isReached, why });
      const send = this.#isSecure ? https.request : http.request;
      const request = send(this.#url, { method: 'POST', agent: this.#agent, headers }, (response) => {
        const parts: Buffer[] = [];
        let bytes = 0;
        response.on('data', (part: Buffer) => {
          bytes += part.length;
          if (bytes > ANSWER_BYTES_MAX) request.destroy(new Error('the answer is too long'));
          else parts.push(part);
        });
        response.on('error', (error) => fail(error.message));
        response.on('end', () => {
          clearTimeout(timer);
          const answer = Buffer.concat(parts).toString();
          if (response.statusCode === 200) return resolve({ ok: true, body: answer });
          isReached = response.headers['content-type'] !== PROBLEM_TYPE || response.statusCode === 500;
          fail(`it answers ${response.statusCode}: ${answer.slice(0, 200)}`);
        });
      });
      const timer = setTimeout(
        () => request.destroy(new Error('it does not answer in time')),
        this.#options.answerMsMax ?? ANSWER_MS_MAX,
      );
      request.on('socket', (socket) => {
        if (!socket.connecting) isReached = true;
        else socket.once(this.#isSecure ? 'secureConnect' : 'connect', () => (isReached = true));
      });
      request.on('error', (error) => {
        clearTimeout(timer);
        fail(error.message);
      });
      request.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
