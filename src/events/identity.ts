import { hash } from 'node:crypto';

const ID_HEX_DIGITS = 32;

/**
 * The id of a command's `index`-th event: the first 16 bytes of SHA-256 over command id, index and stream, in hex. So a
 * command that is sent again makes the same ids.
 *
 * @param commandId 32 hex digits, which is why no separator is ambiguous: the stream comes last.
 */
export function eventId(stream: string, commandId: string, index: number): string {
  return hash('sha256', `${commandId}\n${index}\n${stream}`, 'hex').slice(0, ID_HEX_DIGITS);
}
