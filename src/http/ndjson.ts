import type { Exchange } from './exchange.ts';

export const NDJSON_TYPE = 'application/x-ndjson';
const CHUNK_CHARACTERS = 64 * 1024;

export function asksForNdjson(accept: string): boolean {
  return accept.includes(NDJSON_TYPE);
}

/**
 * Streams lines, as fast as the client takes them. A source that fails after the first line ends the connection, because
 * the status is told already.
 */
export async function sendLines(
  exchange: Exchange,
  lines: AsyncIterable<string>,
  headers: readonly string[],
): Promise<void> {
  if (!exchange.begin()) return;
  const { res } = exchange;
  let wake = () => {};
  exchange.whenGone = () => wake();
  res.onWritable(() => {
    wake();
    return true;
  });
  res.cork(() => exchange.writeHead(200, NDJSON_TYPE, headers));
  if (exchange.headOnly) {
    exchange.finish();
    res.cork(() => res.endWithoutBody());
    return;
  }
  /** Resolves when the client takes more; at once when it does already. */
  const write = async (text: string): Promise<void> => {
    let taken = true;
    // Set before writing, so that no wake-up is missed.
    const writable = new Promise<void>((resolve) => (wake = resolve));
    res.cork(() => {
      taken = res.write(text);
    });
    if (!taken) await writable;
  };
  let text = '';
  try {
    for await (const line of lines) {
      if (exchange.gone) return;
      text += `${line}\n`;
      if (text.length < CHUNK_CHARACTERS) continue;
      await write(text);
      text = '';
      if (exchange.gone) return;
    }
    if (exchange.gone) return;
    exchange.finish();
    res.cork(() => res.end(text));
  } catch (error) {
    if (!exchange.gone) res.close();
    throw error;
  }
}
