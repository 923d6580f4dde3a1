import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { domains } from '#src/domains.ts';
import { errors } from '#src/errors.ts';

const page = readFileSync(new URL('../../docs/reference/errors.md', import.meta.url), 'utf8');
const commands = readFileSync(new URL('../../docs/reference/commands.md', import.meta.url), 'utf8');
const tables = [errors, ...domains.map((domain) => domain.errors)];

const ROW = /^\| `([^`]+)` \| (\d{3}) \| ([^|]+) \|$/;

test('docs/reference/errors.md is the table of all codes', () => {
  const told = page.split('\n').flatMap((line) => {
    const row = ROW.exec(line);
    return row === null ? [] : [[row[1], Number(row[2]), row[3]]];
  });
  const declared = tables.flatMap(({ definitions }) =>
    Object.entries(definitions).map(([code, { status, title }]) => [code, status, title]),
  );
  expect(told).toEqual(declared);
});

test('a code is declared once, and reads as area.what-is-wrong', () => {
  const codes = tables.flatMap(({ definitions }) => Object.keys(definitions));
  expect(new Set(codes).size).toBe(codes.length);
  for (const code of codes) expect(code).toMatch(/^[a-z]+\.[a-z]+(-[a-z]+)*$/);
});

test('docs/reference/commands.md tells of every command, event and route', () => {
  for (const domain of domains) {
    for (const { type } of [...domain.commands, ...domain.events]) expect(commands).toContain(`\`${type}`);
    for (const { method, path } of [...domain.commandRoutes, ...domain.uploadRoutes]) {
      expect(commands).toContain(`\`${method} ${path}`);
    }
    for (const { path } of domain.queryRoutes) expect(commands).toContain(`\`GET ${path}`);
    for (const code of Object.keys(domain.errors.definitions)) expect(commands).toContain(`\`${code}\``);
  }
});

test('what stands in a command route’s address are fields of its command', () => {
  for (const domain of domains) {
    for (const { command, path } of domain.commandRoutes) {
      const definition = domain.commands.find(({ type }) => type === command);
      expect(definition, command).toBeDefined();
      const { properties } = z.toJSONSchema(definition!.schema, { io: 'input', unrepresentable: 'any' });
      for (const [, name] of path.matchAll(/\{(\w+)\}/g)) expect(Object.keys(properties ?? {})).toContain(name);
    }
  }
});
