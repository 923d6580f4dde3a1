import { errors, StrataError } from '../errors.ts';

/** A problem as RFC 9457 has it, with Strata's stable `code`. */
export type Problem = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
};

export function problemOf(error: StrataError): Problem {
  return {
    type: `/docs/errors#${error.code}`,
    title: error.title,
    status: error.status,
    code: error.code,
    detail: error.message,
    ...(error.errors === undefined ? {} : { errors: error.errors }),
  };
}

/** An error of the tables as it is; anything else as `server.failed`, with what happened kept as its cause. */
export function asStrataError(error: unknown): StrataError {
  if (error instanceof StrataError) return error;
  return errors.error('server.failed', 'the server could not answer this request', { cause: error });
}

/** The header fields that go with a refusal: flat, name before value. */
export function refusalHeaders(error: StrataError): readonly string[] {
  const headers = ['Cache-Control', 'no-store'];
  if (error.retryAfterSeconds !== undefined) {
    headers.push('Retry-After', String(Math.max(1, Math.ceil(error.retryAfterSeconds))));
  }
  if (error.status === 401) headers.push('WWW-Authenticate', 'Bearer');
  return headers;
}
