import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig } from '../../config.ts';
import { StrataClient } from '../client.ts';
import { CliFailure } from '../failure.ts';

export type DemoServer = {
  readonly client: StrataClient;
  /** True when the demo started it, on a scratch folder. */
  readonly started: boolean;
  /** Where the demo may leave files. */
  readonly folder: string;
  close(): Promise<void>;
};

const PORT = 8080;

/** The server that runs at the address already, or one started on a scratch folder. */
export async function findOrStart(url: string, key: string | null): Promise<DemoServer> {
  const folder = await mkdtemp(join(tmpdir(), 'strata-demo-'));
  if (await isStrata(url)) {
    if (key === null) {
      await rm(folder, { recursive: true });
      throw new CliFailure(
        `a Strata server runs at ${url}: give its admin key in STRATA_ADMIN_KEY, or stop it and the demo starts its own`,
        2,
      );
    }
    return { client: new StrataClient({ url, key }), started: false, folder, close: async () => {} };
  }
  const dataDir = join(folder, 'data');
  const adminKey = randomBytes(24).toString('base64url');
  const port = (await isFree(PORT)) ? PORT : 0;
  // Loaded only here: with a server running already the demo needs none of it.
  const { startServer } = await import('#src/server.ts');
  const server = await startServer(
    readConfig({ STRATA_PORT: String(port), STRATA_DATA_DIR: dataDir, STRATA_ADMIN_KEY: adminKey }),
  );
  return {
    client: new StrataClient({ url: server.url, key: adminKey }),
    started: true,
    folder,
    close: async () => {
      await server.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

async function isStrata(url: string): Promise<boolean> {
  try {
    const response = await new StrataClient({ url, key: null }).send('GET', '/v1/openapi.json');
    const document: unknown = await response.json();
    return JSON.stringify(document).includes('"title":"Strata"');
  } catch {
    // Nobody there, or somebody else: then the demo starts its own.
    return false;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
