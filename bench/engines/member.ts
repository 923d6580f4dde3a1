import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openKafkaLog } from '#log/kafka/kafka-log.ts';
import { codec, Placements } from './placements.ts';

/**
 * One instance in a process of its own: `member.ts URL PARTITIONS IN_FLIGHT SECONDS`. Says `ready` once it owns as many
 * partitions as it should, begins at a line on its input, and prints what it measured as JSON.
 */
const [url = '', partitions = '1', inFlight = '1', seconds = '1'] = process.argv.slice(2);
const OWNED_WITHIN_MS = 60_000;

const dir = mkdtempSync(join(tmpdir(), 'strata-member-'));
const log = await openKafkaLog({ url, dir: join(dir, 'replica'), codec, address: null, create: true });
const placements = await Placements.open(log, join(dir, 'keys'));
for (const deadline = performance.now() + OWNED_WITHIN_MS; placements.ownedPartitions() !== Number(partitions); ) {
  if (performance.now() > deadline)
    throw new Error(`owns ${placements.ownedPartitions()} partitions, not ${partitions}`);
  await new Promise((resolve) => setTimeout(resolve, 50));
}
await placements.createBoard();
console.log('ready');
await new Promise((resolve) => process.stdin.once('data', resolve));
placements.ownTiles();
await placements.measure({ inFlight: Number(inFlight), seconds: 1 });
console.log(JSON.stringify(await placements.measure({ inFlight: Number(inFlight), seconds: Number(seconds) })));
await placements.close();
await log.close();
rmSync(dir, { recursive: true });
process.exit(0);
