import { openProjections } from '#history/projections.ts';
import { testDefinitions } from '#history/projections-fixture.ts';

/** A process to be killed while it folds: goes on from its checkpoint to `head` in small steps, printing what is committed. */
const [dir = '', logDir = '', head = '0'] = process.argv.slice(2);
const STEP_EVENTS = 97;
const TIMEOUT_MS = 30_000;

const projections = await openProjections({
  dir,
  logDir,
  projectorUrl: new URL('../../src/history/projector-fixture.ts', import.meta.url),
  definitions: testDefinitions,
  synced: Number(head),
  report: (message) => console.error(message),
});
console.log(projections.checkpoint());
for (let offset = projections.checkpoint(); offset < Number(head); ) {
  offset = Math.min(Number(head), offset + STEP_EVENTS);
  await projections.waitFor(offset, TIMEOUT_MS);
  console.log(projections.checkpoint());
}
await projections.close();
