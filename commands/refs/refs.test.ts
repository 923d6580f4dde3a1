import { expect, test } from 'vitest';
import { happened, specify } from '#commands/specification.ts';
import { holderOf, World } from '#commands/world.ts';
import { refs } from './domain.ts';

const { given } = specify(refs, ({ data }) => `ref-${data.ref}`);
const set = (position: string) => happened('RefSet', { ref: 'launch', position });
const deleted = happened('RefDeleted', { ref: 'launch' });

test('a ref names how far the log has come, unless told', () => {
  given(set('0'), set('1')).when('SetRef', { ref: 'launch' }).then(set('2'));
  given(set('0'), set('1')).when('SetRef', { ref: 'launch', position: '0' }).then(set('0'));
  given(set('0')).when('SetRef', { ref: 'launch', position: '0' }).thenNothing();
});

test('a ref is moved from where it is expected to be', () => {
  given(set('0')).when('SetRef', { ref: 'launch', position: '1', expected: '0' }).then(set('1'));
  given(set('0')).when('SetRef', { ref: 'launch', position: '1', expected: '1' }).thenRefused('ref.moved');
  given(set('0')).when('SetRef', { ref: 'launch', position: '1', expected: null }).thenRefused('ref.moved');
  given().when('SetRef', { ref: 'launch', position: '0', expected: null }).then(set('0'));
  given().when('SetRef', { ref: 'launch', position: '0', expected: '0' }).thenRefused('ref.moved');
  given(set('0'), deleted).when('SetRef', { ref: 'launch', position: '1', expected: null }).then(set('1'));
});

test.each([
  ['3', 'history.future-position'],
  ['e2.1', 'position.other-epoch'],
  ['0:1,1:1', 'position.malformed'],
  ['01', 'position.malformed'],
])('the position %s is refused', (position, code) => {
  given(set('0')).when('SetRef', { ref: 'launch', position }).thenRefused(code);
});

test('a ref is deleted once, from where it is expected to be', () => {
  given(set('0')).when('DeleteRef', { ref: 'launch' }).then(deleted);
  given(set('0')).when('DeleteRef', { ref: 'launch', expected: '1' }).thenRefused('ref.moved');
  given(set('0'), deleted).when('DeleteRef', { ref: 'launch' }).thenRefused('ref.unknown');
  given().when('DeleteRef', { ref: 'launch' }).thenRefused('ref.unknown');
});

test.each(['', 'Launch', 'a/b', '-a', 'x'.repeat(64)])('a ref is not called %j', (ref) => {
  given().when('SetRef', { ref }).thenRefused('request.invalid');
});

test('refs are the admin’s', () => {
  given()
    .when('SetRef', { ref: 'launch' }, { as: holderOf('acme') })
    .thenRefused('auth.forbidden');
  expect(new World(refs).command('DeleteRef').roles).toEqual(['admin']);
});
