import { openProjections } from '#history/folding/projections.ts';
import { testDefinitions } from '#history/folding/projections-fixture.ts';

/** A process to be killed while it folds and rebuilds: goes on to `head` in small steps, printing what is committed. */
const [dir = '', logDir = '', head = '0'] = process.argv.slice(2);
const STEP_EVENTS = 97;
const TIMEOUT_MS = 30_000;

const projections = await openProjections({
  dir,
  logDir,
  projectorUrl: new URL('../../src/history/folding/projector-fixture.ts', import.meta.url),
  definitions: testDefinitions,
  synced: Number(head),
  report: (message) => console.error(message),
});
projections.rebuild('test');
console.log(projections.checkpoint());
for (let offset = projections.checkpoint(); offset < Number(head); ) {
  offset = Math.min(Number(head), offset + STEP_EVENTS);
  await projections.waitFor(offset, TIMEOUT_MS);
  console.log(projections.checkpoint());
}
await projections.close();
