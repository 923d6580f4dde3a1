import { errors, isStrataError, type StrataError } from '../../errors.ts';

const RETRY_SECONDS = 1;
/** What brokers answer that another try does not change (https://kafka.apache.org/protocol#protocol_error_codes). */
const REFUSALS = new Set([
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'SASL_AUTHENTICATION_FAILED',
  'UNSUPPORTED_SASL_MECHANISM',
  'INVALID_TOPIC_EXCEPTION',
  'INVALID_PARTITIONS',
  'INVALID_REPLICATION_FACTOR',
  'INVALID_CONFIG',
  'POLICY_VIOLATION',
]);

/** The broker's own name of what went wrong, from under what kafkajs wrapped around it; `null`: it was no broker's answer. */
export function brokerAnswer(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  if ('type' in error && typeof error.type === 'string') return error.type;
  if ('errors' in error && Array.isArray(error.errors)) return brokerAnswer(error.errors[0]);
  return brokerAnswer(error.cause);
}

/**
 * What a failed request is: engine.misconfigured where rights, credentials or settings are wrong, engine.unavailable where
 * another try may succeed. Errors of the table stay what they are. `name` is the URL without credentials.
 */
export function kafkaError(error: unknown, name: string): StrataError {
  if (isStrataError(error)) return error;
  const answer = brokerAnswer(error);
  const why = error instanceof Error ? error.message : String(error);
  const isRefused = error instanceof Error && error.name === 'KafkaJSSASLAuthenticationError';
  if (isRefused || (answer !== null && REFUSALS.has(answer))) {
    const words = answer === null ? why : `${answer}: ${why}`;
    return errors.error('engine.misconfigured', `${name} cannot be used: ${words}`, { cause: error });
  }
  const details = { cause: error, retryAfterSeconds: RETRY_SECONDS };
  return errors.error('engine.unavailable', `${name} does not answer: ${why}`, details);
}
