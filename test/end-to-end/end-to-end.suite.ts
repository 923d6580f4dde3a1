import { describe } from 'vitest';
import { ServerFixture } from '../integration/server-fixture.ts';
import { domainsSuite } from './domains.suite.ts';
import { historySuite } from './history.suite.ts';
import { liveSuite } from './live.suite.ts';

/**
 * The same tests of what users see, on a server with these engines: nothing but configuration differs. `engines` gives the
 * settings for one part of the tests, which has a log of its own.
 */
export function endToEndSuite(name: string, engines: (part: string) => { readonly [name: string]: string }): void {
  for (const [part, suite] of [
    ['domains', domainsSuite],
    ['history', historySuite],
    ['live', liveSuite],
  ] as const) {
    describe(`${part} on ${name}`, () => suite(new ServerFixture(() => engines(part))));
  }
}
