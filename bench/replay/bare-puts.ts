import { join } from 'node:path';
import { createCodec } from '#events/encoding.ts';
import { Trees } from '#history/storage/tree.ts';
import { openLogReader } from '#log/embedded/log-reader.ts';
import { domainEvents, logDir } from './build-log.ts';

const PUTS_A_COMMIT = 16_384;

/** Seconds that LMDB alone takes to put the same events' bytes, by their stream, in the order in which they come. */
export function barePuts(dir: string, after: number, to: number): number {
  const codec = createCodec(domainEvents());
  const log = openLogReader(logDir(dir), codec);
  const puts: { key: string; value: Buffer }[] = [];
  log.visit(after, to, (event) => puts.push({ key: event.stream, value: codec.bytes(event) }));
  log.close();
  const trees = new Trees(join(dir, 'bare.mdb'), { readOnly: false });
  const tree = trees.tree('bare');
  const startMs = performance.now();
  for (let from = 0; from < puts.length; from += PUTS_A_COMMIT) {
    trees.write(() => {
      for (const { key, value } of puts.slice(from, from + PUTS_A_COMMIT)) tree.put(key, value);
    });
  }
  return (performance.now() - startMs) / 1000;
}
