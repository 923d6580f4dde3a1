import { writeFileSync } from 'node:fs';
import { isStrataError } from '../errors.ts';
import { inspectArchive } from './archive.ts';
import { inspectImage } from './image.ts';
import type { Inspected, InspectionJob, WorkerMessage } from './inspection-job.ts';

// The program of one worker process: takes a job, answers, takes the next. It ends when the server does.

/** Native memory counts too: decoding happens outside of the JavaScript heap, which has its own limit. */
const RESIDENT_BYTES_MAX = 1536 * 1024 * 1024;
const MEMORY_CHECK_MS = 50;

process.on('disconnect', () => process.exit());
process.on('message', (job: InspectionJob) => void answer(job));
preferredVictim();
setInterval(watchMemory, MEMORY_CHECK_MS).unref();
send({ kind: 'ready' });

async function answer(job: InspectionJob): Promise<void> {
  try {
    send({ kind: 'inspected', result: await inspect(job) });
  } catch (error) {
    const code = isStrataError(error) ? error.code : null;
    send({ kind: 'failed', code, detail: error instanceof Error ? error.message : String(error) });
  }
}

function inspect(job: InspectionJob): Promise<Inspected> {
  return job.kind === 'image' ? inspectImage(job) : inspectArchive(job);
}

function send(message: WorkerMessage, sent: () => void = () => undefined): void {
  process.send?.(message, sent);
}

function watchMemory(): void {
  if (process.memoryUsage.rss() < RESIDENT_BYTES_MAX) return;
  const detail = 'looking into the upload takes too much memory';
  send({ kind: 'failed', code: 'upload.too-costly', detail }, () => process.exit());
}

/** When memory runs out, Linux is to end a worker and not the server. */
function preferredVictim(): void {
  if (process.platform === 'linux') writeFileSync('/proc/self/oom_score_adj', '1000');
}
