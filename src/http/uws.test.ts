import { afterEach, expect, test, vi } from 'vitest';

afterEach(() => {
  vi.doUnmock('uWebSockets.js');
  vi.resetModules();
});

/** Serves one request with whatever package is there. */
async function answer(): Promise<string> {
  const { createApp, listen } = await import('./uws.ts');
  const app = createApp().get('/', (res) => void res.end('here'));
  const listening = (await listen(app, '127.0.0.1', 0))!;
  const text = await (await fetch(`http://127.0.0.1:${listening.port}/`)).text();
  listening.stop();
  app.close();
  return text;
}

test('the package that exports names', async () => {
  expect(await answer()).toBe('here');
});

test('the official package, which exports a default', async () => {
  const names = await vi.importActual<object>('uWebSockets.js');
  vi.doMock('uWebSockets.js', () => ({ default: { ...names } }));
  expect(await answer()).toBe('here');
});
