import { expect, test } from 'vitest';
import { errors } from '../errors.ts';
import { createLogger, type LoggerOptions } from './log.ts';

function logger(options: LoggerOptions = {}) {
  const lines: string[] = [];
  const log = createLogger({ write: (line) => lines.push(line), clock: () => Date.UTC(2026, 0, 2), ...options });
  return { log, lines, last: () => JSON.parse(lines.at(-1)!) as { readonly [name: string]: unknown } };
}

test('a line is one JSON object', () => {
  const { log, lines, last } = logger();
  log.with({ area: 'http' }).info('listening\nnow', { port: 8080 });
  expect(last()).toEqual({
    time: '2026-01-02T00:00:00.000Z',
    level: 'info',
    message: 'listening\nnow',
    area: 'http',
    port: 8080,
  });
  expect(lines[0]!.match(/\n/g)).toHaveLength(1);
});

test('levels below the chosen one are dropped', () => {
  const { log, lines } = logger({ level: 'warn' });
  log.info('no');
  log.warn('yes');
  log.error('yes');
  expect(lines).toHaveLength(2);
});

test('secrets are never written', () => {
  const { log, lines } = logger();
  log.error('refused Bearer abcdefghijk', {
    adminKey: 'hunter2hunter2',
    headers: { Authorization: 'hunter2', cookie: 'hunter2' },
    said: 'my key is strata_abcdefghijklmnop, keep it',
    error: new Error('strata_abcdefghijklmnop'),
  });
  expect(lines[0]).not.toMatch(/hunter2|abcdefghijk/);
});

test('errors keep their code and cause', () => {
  const { log, last } = logger();
  log.error('failed', { error: errors.error('log.disk-full', 'no room', { cause: new Error('ENOSPC') }) });
  expect(last().error).toMatchObject({ code: 'log.disk-full', message: 'no room', cause: { message: 'ENOSPC' } });
});

test('values that JSON cannot say are written all the same', () => {
  const { log, last } = logger();
  const round: { self?: unknown } = {};
  round.self = round;
  log.info('odd', { big: 12n, bytes: Buffer.alloc(3), round });
  expect(last()).toMatchObject({ big: '12', bytes: '[3 bytes]' });
});
