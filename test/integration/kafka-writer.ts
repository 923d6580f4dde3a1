import { argv } from 'node:process';
import { setImmediate } from 'node:timers/promises';
import { notes } from '../conformance/sample-events.ts';
import { openMember } from './kafka-members.ts';

// A member in a process of its own: appends to a few streams without end, and prints the id of each event that it was told is in
// the log. Killed by whoever started it.

const [, , url = '', dir = ''] = argv;
const log = await openMember({ url, dir });
console.log('open');
for (let at = 0; ; at += 1) {
  const writes = Array.from({ length: 5 }, (_, stream) => notes(`s-${stream}`, [`${at}`]));
  for (const result of await log.append(writes)) {
    if (result.ok) console.log(result.events[0]!.id);
  }
  // Refusals come without waiting.
  await setImmediate();
}
