import { createApp, type HttpResponse, listen } from '#http/uws.ts';
import type { RawAnswer } from './raw-server.ts';

// The program of the raw server: reads and parses a body where there is one, and answers the same every time.

const [port = '', json = ''] = process.argv.slice(2);
const answer = JSON.parse(json) as RawAnswer;

function send(response: HttpResponse): void {
  response.cork(() => {
    for (const [name, value] of answer.headers) response.writeHeader(name, value);
    response.end(answer.body);
  });
}

const app = createApp()
  .put('/*', (response) => {
    const earlier: Buffer[] = [];
    response.onAborted(() => undefined);
    response.onData((chunk, last) => {
      if (!last) {
        // The memory is the library's, and only lent.
        earlier.push(Buffer.concat([Buffer.from(chunk)]));
        return;
      }
      const bytes = earlier.length === 0 ? Buffer.from(chunk) : Buffer.concat([...earlier, Buffer.from(chunk)]);
      const body: unknown = JSON.parse(String(bytes));
      if (typeof body === 'object') send(response);
    });
  })
  .get('/*', send);

if ((await listen(app, '127.0.0.1', Number(port))) === null) throw new Error('the port is taken');
process.send?.('listening');
process.on('disconnect', () => process.exit());
