import type { WarmFoldThread } from '#history/folding/warm-fold-thread.ts';
import { createLogger } from '#telemetry/log.ts';
import { readConfig } from './config.ts';
import { isStrataError } from './errors.ts';
import { type Server, startServer } from './server.ts';

/**
 * `npm start` and `strata serve`: the server, configured from the environment, until SIGINT or SIGTERM. `warmThread` as
 * `startServer` takes it.
 */
export async function serve(warmThread?: WarmFoldThread): Promise<void> {
  let server: Server | null = null;
  let isStopping = false;
  const stop = async () => {
    if (isStopping) return;
    isStopping = true;
    // Asked before it has started, it ends at once: nothing that was acknowledged is lost by that.
    await server?.close();
    process.exit(0);
  };
  // As the first process of a container it would not hear them without.
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  try {
    server = await startServer(readConfig(process.env), createLogger(), warmThread);
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
