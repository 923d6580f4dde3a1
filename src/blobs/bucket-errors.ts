import { S3ServiceException } from '@aws-sdk/client-s3';
import { errors, isStrataError, type StrataError } from '../errors.ts';

const NOT_FOUND = 404;
const PRECONDITION_FAILED = 412;
const TOO_MANY_REQUESTS = 429;
const SERVER_ERROR = 500;
/** Answers 400 that another try may not get: bytes that arrived damaged, late, or not at all. */
const TRANSIENT = new Set(['BadDigest', 'IncompleteBody', 'RequestTimeout', 'XAmzContentChecksumMismatch']);
const RETRY_SECONDS = 1;

/** True for the answer that there is no such object; a bucket that is not there is something else. */
export function isMissing(error: unknown): boolean {
  return statusOf(error) === NOT_FOUND && !(error instanceof Error && error.name === 'NoSuchBucket');
}

/** True for the answer that a condition does not hold: `If-None-Match: *` where there is one already. */
export function isPreconditionFailed(error: unknown): boolean {
  return statusOf(error) === PRECONDITION_FAILED;
}

/**
 * What a failed request is: engine.unavailable where another try may succeed, engine.misconfigured where the bucket, the
 * region or the credentials are wrong. Errors of the table stay what they are.
 */
export function bucketError(error: unknown, bucket: string): StrataError {
  if (isStrataError(error)) return error;
  const status = statusOf(error);
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const isRefusal =
    status === null ? isWithoutCredentials(error) : status < SERVER_ERROR && status !== TOO_MANY_REQUESTS;
  if (isRefusal && !(error instanceof Error && TRANSIENT.has(error.name))) {
    return errors.error('engine.misconfigured', `the bucket ${bucket} cannot be used: ${what}`, { cause: error });
  }
  const details = { cause: error, retryAfterSeconds: RETRY_SECONDS };
  return errors.error('engine.unavailable', `the bucket ${bucket} does not answer: ${what}`, details);
}

/** The status of the server's answer, or `null` where there was none. */
export function statusOf(error: unknown): number | null {
  return error instanceof S3ServiceException ? (error.$metadata.httpStatusCode ?? null) : null;
}

function isWithoutCredentials(error: unknown): boolean {
  return error instanceof Error && error.name === 'CredentialsProviderError';
}
