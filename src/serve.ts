import { setTimeout } from 'node:timers/promises';
import type { WarmFoldThread } from '#history/folding/warm-fold-thread.ts';
import { createLogger } from '#telemetry/log.ts';
import { readConfig } from './config.ts';
import { isStrataError } from './errors.ts';
import { type Server, startServer } from './server.ts';

/** How long a start under way is waited for when the process is told to end. */
const STARTING_MS_MAX = 5_000;

/**
 * `npm start` and `strata serve`: the server, configured from the environment, until SIGINT or SIGTERM. `warmThread` as
 * `startServer` takes it.
 */
export async function serve(warmThread?: WarmFoldThread): Promise<void> {
  let starting: Promise<Server> | null = null;
  let isStopping = false;
  const stop = async () => {
    if (isStopping) return;
    isStopping = true;
    // It may serve a little before all of it has started. One that takes long has promised nobody anything.
    const server = await Promise.race([starting, setTimeout(STARTING_MS_MAX, null)]).catch(() => null);
    await server?.close();
    process.exit(0);
  };
  // As the first process of a container it would not hear them without.
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  try {
    starting = startServer(readConfig(process.env), createLogger(), warmThread);
    const server = await starting;
    console.log(`Strata is at ${server.url}`);
    if (server.adminKey !== null) {
      console.log(`Admin key, shown this once: ${server.adminKey}`);
      console.log(`Try: curl -H 'Authorization: Bearer ${server.adminKey}' ${server.url}/v1/accounts`);
    }
  } catch (error) {
    if (!isStrataError(error)) throw error;
    console.error(`strata: ${error.title} (${error.code})`);
    const lines = error.errors?.map(({ path, message }) => `${path} ${message}`) ?? [error.message];
    for (const line of lines) console.error(`  ${line}`);
    process.exitCode = 1;
  }
}
