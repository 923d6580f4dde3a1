import { expect, test } from 'vitest';
import { checkName, isFolder, isLitter } from './archive-names.ts';

test.each([
  'index.html',
  'a/b/c.txt',
  'folder/',
  '..a/b..',
  'with space.txt',
  'ü/日本.png',
  '.well-known/x',
  'C',
  'at 12:30',
])('the name %j is fine', (name) => {
  expect(() => checkName(name)).not.toThrow();
});

test.each([
  '',
  '/',
  '/etc/passwd',
  '../x',
  'a/../../x',
  'a/..',
  '..',
  './x',
  'a//b',
  'a/./b',
  'a\\b',
  '..\\x',
  'C:/x',
  'c:x',
  'a\0b',
  'a\nb',
  'a'.repeat(1025),
])('the name %j is refused', (name) => {
  expect(() => checkName(name)).toThrow(expect.objectContaining({ code: 'upload.archive-unsafe' }));
});

test('folders and litter are told apart from files', () => {
  expect(isFolder('a/')).toBe(true);
  expect(isFolder('a')).toBe(false);
  expect(['__MACOSX/a', 'a/.DS_Store', '.DS_Store', 'x/Thumbs.db'].every(isLitter)).toBe(true);
  expect(['a/DS_Store', 'my.DS_Store', '__MACOSX.txt'].some(isLitter)).toBe(false);
});
