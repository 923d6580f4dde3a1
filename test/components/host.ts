import { createServer } from 'node:http';
import { type Brokers, kafkaBrokers } from '../integration/kafka-brokers.ts';

/**
 * What the test files of one run share lives in the process that runs them: `GET /kafka` answers the URL of one broker,
 * started at the first request. Resolves with where that is, and what ends it.
 */
export async function hostComponents(): Promise<{ url: string; close(): Promise<void> }> {
  let kafka: Promise<Brokers> | null = null;
  const server = createServer((request, response) => {
    if (request.url !== '/kafka') {
      response.writeHead(404).end();
      return;
    }
    kafka ??= kafkaBrokers(1);
    kafka.then(
      ({ url }) => response.end(url),
      (error) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await kafka?.then(({ stop }) => stop()).catch(() => {});
    },
  };
}
