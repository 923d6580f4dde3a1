import { expect, test } from 'vitest';
import { type OpenApi, operationsAt } from './operations.ts';

const json = (schema: object) => ({ requestBody: { content: { 'application/json': { schema } } } });

const document: OpenApi = {
  paths: {
    '/v1/boards/{board}': { get: {}, put: json({ $ref: '#/components/schemas/CreateBoard' }) },
    '/v1/accounts/{account}/holds/{hold}': { delete: {} },
    '/v1/photos': { get: {}, post: { requestBody: { content: { 'image/jpeg': {} } } } },
    '/v1/photos/{photo}': {
      patch: json({
        properties: { set: { properties: { rating: { anyOf: [{ type: 'integer' }, { type: 'null' }] } } } },
      }),
      delete: {},
    },
    '/v1/refs/{name}': { put: {} },
    '/v1/{anything}/special': { post: {} },
    '/v1/boards/special': { post: {} },
  },
  components: { schemas: { CreateBoard: { properties: { width: { type: 'integer' } } } } },
};

test('a path with parameters finds its operation and the types of its fields', () => {
  const [put] = operationsAt(document, '/v1/boards/demo');
  expect(put).toMatchObject({ method: 'PUT', path: '/v1/boards/{board}', mediaTypes: ['application/json'] });
  expect(put?.typeOf('width')).toBe('integer');
  expect(put?.typeOf('depth')).toBeUndefined();
});

test('a field of an inner object that may be null has its type', () => {
  expect(operationsAt(document, '/v1/photos/p1')[0]?.typeOf('set.rating')).toBe('integer');
});

test('what is named literally stands first', () => {
  expect(operationsAt(document, '/v1/boards/special').map(({ path }) => path)).toEqual([
    '/v1/boards/special',
    '/v1/boards/{board}',
    '/v1/{anything}/special',
  ]);
});

test('a method narrows the choice, and reading is none', () => {
  expect(operationsAt(document, '/v1/photos/p1').map(({ method }) => method)).toEqual(['PATCH', 'DELETE']);
  expect(operationsAt(document, '/v1/photos/p1', 'DELETE')).toHaveLength(1);
  expect(operationsAt(document, '/v1/nothing')).toEqual([]);
  expect(operationsAt(document, '/v1/photos').map(({ mediaTypes }) => mediaTypes)).toEqual([['image/jpeg']]);
});
