import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { Answered } from '../../integration/server-fixture.ts';
import type { Instance } from '../stage/instance.ts';
import { ADMIN_KEY } from '../stage/stage.ts';
import { type LoggedEvent, offsetOf } from './evidence.ts';

const TRIES_MS_MAX = 60_000;
const TRY_AGAIN_MS = 200;

type Headers = { readonly [name: string]: string };

/** A GET as the admin of an instance that may still be coming back. @throws what it answered last, after a minute */
export async function ask({ url, name }: Instance, path: string, headers: Headers = {}): Promise<Response> {
  const endMs = performance.now() + TRIES_MS_MAX;
  for (;;) {
    const answer = await fetch(`${url}${path}`, {
      headers: { Authorization: `Bearer ${ADMIN_KEY}`, ...headers },
    }).catch(String);
    if (typeof answer !== 'string' && answer.ok) return answer;
    if (performance.now() > endMs) {
      const told = typeof answer === 'string' ? answer : `${answer.status} ${await answer.text()}`;
      throw new Error(`GET ${path} of ${name}: ${told}`);
    }
    await delay(TRY_AGAIN_MS);
  }
}

export async function askJson(instance: Instance, path: string, headers: Headers = {}): Promise<Answered> {
  return (await ask(instance, path, headers)).json();
}

/** Where the log ends now, by one instance, once all of them have it and have folded it. */
export async function commonHead(instances: readonly Instance[]): Promise<string> {
  const newest = await askJson(instances[0]!, '/v1/events?order=newest&limit=1');
  const head: string = newest.items[0].position;
  await Promise.all(instances.map((each) => ask(each, '/v1/refs', { 'Strata-Min-Position': head })));
  return head;
}

/** The log of an instance up to the position. */
export async function readLog(instance: Instance, to: string): Promise<LoggedEvent[]> {
  const { body } = await ask(instance, `/v1/events?to=${to}`, { Accept: 'application/x-ndjson' });
  if (body === null) throw new Error('the log has no lines');
  const events: LoggedEvent[] = [];
  // The types of fetch and of Node's streams say the same stream in two ways.
  const lines = createInterface({ input: Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]) });
  for await (const line of lines) {
    const event = JSON.parse(line);
    events.push({ ...event, offset: offsetOf(event.position) });
  }
  return events;
}
