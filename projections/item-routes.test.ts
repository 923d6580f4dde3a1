import { expect, test } from 'vitest';
import { z } from 'zod';
import { World } from '#commands/world.ts';
import { defineEvent } from '#events/definition.ts';
import type { Domain } from '#handling/domain.ts';
import { allOf, differenceIn } from '#history/items/diff.ts';
import type { ItemDefinition } from '#history/items/items.ts';
import { collection, defineProjection } from '#history/projection.ts';
import { errorTable } from '#src/errors.ts';
import { itemRoutes } from './item-routes.ts';
import { MemoryDb } from './memory-db.ts';
import { parsed } from './queries.ts';
import { BY_ANYONE, byAccount, Queries } from './reading.ts';

type Note = { readonly note: string; readonly owner: string; readonly shared: boolean; readonly text: string };

const noteErrors = errorTable({ 'note.unknown': { status: 404, title: 'There is no such note' } });
const written = z.strictObject({ note: z.string(), owner: z.string(), shared: z.boolean(), text: z.string() });
const named = z.strictObject({ note: z.string(), owner: z.string() });

const notes: ItemDefinition = {
  name: 'notes',
  noun: 'a note',
  collection: 'notes',
  path: '/v1/notes/{note}',
  shape: written,
  show: (version) => ({ ...parsed<Note>(version) }),
  owner: (version) => parsed<Note>(version).owner,
  erasedOwner: ({ data }) => String(data.owner),
  isPublic: (version) => parsed<Note>(version).shared,
  count: () => 0,
  unknown: (note) => noteErrors.error('note.unknown', note),
};

const domain: Domain = {
  name: 'notes',
  events: [
    defineEvent({ type: 'NoteWritten', schema: written }),
    defineEvent({ type: 'NoteDeleted', schema: named }),
    defineEvent({ type: 'NoteErased', schema: named }),
  ],
  commands: [],
  errors: noteErrors,
  reactors: [],
  projections: [
    defineProjection({
      name: 'notes',
      version: 1,
      structures: [collection('notes')],
      folds: {
        NoteWritten: ({ data }, context) => context.collection('notes').put(String(data.note), data),
        NoteDeleted: ({ data }, context) => context.collection('notes').delete(String(data.note)),
        NoteErased: ({ data }, context) => context.collection('notes').erase(String(data.note)),
      },
    }),
  ],
  items: [notes],
  commandRoutes: [],
  uploadRoutes: [],
  queryRoutes: itemRoutes(notes),
};

function desk() {
  const world = new World(domain);
  const write = (note: string, text: string, shared = false) =>
    world.append(`note-${note}`, [{ type: 'NoteWritten', data: { note, owner: 'acme', shared, text } }]);
  const end = (type: string, note: string) => world.append(`note-${note}`, [{ type, data: { note, owner: 'acme' } }]);
  const read = (path: string, note: string, reader = byAccount('acme')) => {
    const db = new MemoryDb(...domain.projections).fold(world.events);
    return new Queries(world, db, domain.queryRoutes).body(path, { params: { note }, reader });
  };
  const one = (note: string, reader?: typeof BY_ANYONE) => read('/v1/notes/{note}', note, reader);
  const history = (note: string, reader?: typeof BY_ANYONE) => read('/v1/notes/{note}/history', note, reader);
  return { world, write, end, one, history };
}

test('an item is its owner’s, and everyone’s once it is public; its history is its owner’s alone', async () => {
  const { write, one, history } = desk();
  write('a', 'hidden');
  write('b', 'open', true);
  expect(await one('a')).toMatchObject({ text: 'hidden' });
  expect(await one('a', byAccount('zeta'))).toBe('note.unknown');
  expect(await one('a', BY_ANYONE)).toBe('note.unknown');
  expect(await one('b', BY_ANYONE)).toMatchObject({ text: 'open' });
  expect(await history('b')).toMatchObject({ items: [{ value: { text: 'open' } }] });
  expect(await history('b', byAccount('zeta'))).toBe('note.unknown');
  expect(await one('none')).toBe('note.unknown');
});

test('a history goes on after a deletion, and says what each version changed', async () => {
  const { write, end, one, history } = desk();
  write('a', 'one');
  write('a', 'two');
  end('NoteDeleted', 'a');
  expect(await one('a')).toBe('note.unknown');
  const { items } = (await history('a')) as { items: { type: string; changed: string[]; value: Note | null }[] };
  expect(items.map(({ type, changed, value }) => [type, changed, value?.text ?? null])).toEqual([
    ['NoteDeleted', ['note', 'owner', 'shared', 'text'], null],
    ['NoteWritten', ['text'], 'two'],
    ['NoteWritten', ['note', 'owner', 'shared', 'text'], 'one'],
  ]);
});

test('what is erased is gone, and says so to whom it belonged', async () => {
  const { write, end, one, history } = desk();
  write('a', 'one');
  end('NoteErased', 'a');
  write('a', 'again');
  expect(await one('a')).toBe('history.erased');
  expect(await history('a')).toBe('history.erased');
  expect(await one('a', byAccount('zeta'))).toBe('note.unknown');
  expect(await one('a', BY_ANYONE)).toBe('note.unknown');
});

test('a diff tells of an erased item that it is, and no more', async () => {
  const { world, write, end } = desk();
  write('a', 'one');
  write('b', 'two');
  end('NoteErased', 'a');
  const db = new MemoryDb(...domain.projections).fold(world.events);
  const showing = {
    open: (bytes: Buffer) => JSON.parse(bytes.toString('utf8')),
    event: (offset: number) => world.events[offset - 1]!,
    position: String,
    dappUrl: String,
  };
  const query = { from: 1, account: null, documents: true };
  const difference = differenceIn({ items: [notes], differences: [] }, 'notes', query, db, showing);
  const value = { note: 'b', owner: 'acme', shared: false, text: 'two' };
  expect(await Array.fromAsync(allOf(difference))).toEqual([
    {
      key: 'b',
      change: 'added',
      before: null,
      after: value,
      patch: [{ op: 'add', path: '', value }],
      position: '2',
    },
    { key: 'a', change: 'removed', before: null, after: null, patch: null, position: '3', erased: true },
  ]);
});
