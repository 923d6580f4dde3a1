import { z } from 'zod';
import type { CommandDefinition, Domain } from '#handling/domain.ts';
import type { CommandRoute, RevertRoute, UploadRoute } from '#handling/routes.ts';
import { diffCatalogue } from '#history/items/diff.ts';
import type { QueryRoute } from '#history/routes.ts';
import { countRoute } from './count-route.ts';
import { diffQuery } from './diff-query.ts';
import { eventsQuery, streamQuery } from './log-routes.ts';
import { type Schema, schemaOf, without } from './openapi-schema.ts';
import { accepted, batch, diffItem, diffPage, diffSummary, eventOnLog, page, problem } from './openapi-shapes.ts';
import { projectionShape, projectionsQuery, projectionsShape } from './projection-routes.ts';
import { revertBody } from './revert-routes.ts';
import { transparencyRoutes } from './transparency-shapes.ts';
import { whatIfAnswer, whatIfBody } from './what-if-routes.ts';

type Operation = { readonly [field: string]: unknown };

const REFUSED = { default: { $ref: '#/components/responses/Problem' } };
const KEY_PARAMETER = {
  name: 'Idempotency-Key',
  in: 'header',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
  description: 'sent again with the same body, it is answered with the first answer',
};
const REVISION_PARAMETER = {
  name: 'If-Match',
  in: 'header',
  schema: { type: 'string', pattern: '^"r[0-9]+"$' },
  description: 'the revision that the stream must be at, as in "r4"; else 412',
};
const MIN_POSITION_PARAMETER = {
  name: 'Strata-Min-Position',
  in: 'header',
  schema: { type: 'string' },
  description: 'what is read, or decided on, is at least as new as this position',
};
const AS_OF_PARAMETER = {
  name: 'asOf',
  in: 'query',
  schema: { type: 'string' },
  description:
    'a position, an RFC 3339 time, a ref like refs/launch, or a duration back like -PT10M: the state of then',
};

function metricsOperation(): Operation {
  const text = { description: 'all metrics', content: { 'text/plain': { schema: { type: 'string' } } } };
  const summary = "Metrics in Prometheus' text format, for an admin's key or STRATA_METRICS_TOKEN";
  return { tags: ['operations'], summary, responses: { 200: text, ...REFUSED } };
}

/** The OpenAPI 3.1 document of all declared routes, from the same schemas that check requests. */
export function openApiDocument(domains: readonly Domain[]): object {
  const commands = new Map(domains.flatMap((domain) => domain.commands).map((command) => [command.type, command]));
  const paths: { [path: string]: { [method: string]: Operation } } = {};
  const put = (path: string, method: string, operation: Operation) => {
    paths[path] = { ...paths[path], [method.toLowerCase()]: operation };
  };
  for (const domain of domains) {
    const tags = [domain.name];
    for (const route of domain.commandRoutes) {
      put(route.path, route.method, { tags, ...commandOperation(route, commands.get(route.command)) });
    }
    for (const route of domain.uploadRoutes) put(route.path, route.method, { tags, ...uploadOperation(route) });
    for (const route of domain.revertRoutes ?? []) put(route.path, 'POST', { tags, ...revertOperation(route) });
    for (const route of domain.queryRoutes) put(route.path, 'GET', { tags, ...queryOperation(route) });
  }
  put('/v1/diff', 'GET', diffOperation());
  put('/v1/whatif', 'POST', whatIfOperation());
  const counts = countRoute(diffCatalogue(domains));
  put(counts.path, 'GET', { tags: ['history'], ...queryOperation(counts) });
  put(
    '/v1/commands',
    'POST',
    commandsOperation([...commands.values()].filter(({ revertOnly }) => revertOnly !== true)),
  );
  put('/v1/events', 'GET', logOperation('Read the log', [], eventsQuery));
  put('/v1/streams/{stream}', 'GET', logOperation('Read one stream', [pathParameter('stream', false)], streamQuery));
  for (const route of transparencyRoutes) put(route.path, 'GET', { tags: ['log'], ...transparencyOperation(route) });
  for (const [path, summary] of [
    ['/healthz', 'Whether the process answers'],
    ['/readyz', 'Whether the server is ready, and how far log and projections have come'],
    ['/v1/openapi.json', 'This document'],
  ] as const) {
    put(path, 'GET', { tags: ['operations'], summary, security: [], responses: { 200: jsonAnswer('done', {}) } });
  }
  put('/metrics', 'GET', metricsOperation());
  for (const [path, method, operation] of projectionOperations()) put(path, method, operation);
  put('/v1/clock/accept', 'POST', {
    tags: ['operations'],
    summary: 'Say that the clock is right as it is, after log.clock',
    responses: { 200: jsonAnswer('as /readyz', {}), ...REFUSED },
  });
  return {
    openapi: '3.1.0',
    info: { title: 'Strata', version: '1', license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    servers: [{ url: '/' }],
    security: [{ key: [] }],
    paths,
    components: {
      securitySchemes: { key: { type: 'http', scheme: 'bearer' } },
      schemas: { Problem: schemaOf(problem, 'output'), Event: schemaOf(eventOnLog, 'output') },
      responses: {
        Problem: {
          description: 'refused: an RFC 9457 problem with a stable code',
          content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
        },
      },
    },
  };
}

function commandOperation(route: CommandRoute, command: CommandDefinition | undefined): Operation {
  const names = parameterNames(route.path);
  const body = command === undefined ? {} : without(schemaOf(command.schema, 'input'), names);
  return {
    operationId: operationId(route.method, route.path),
    summary: route.summary,
    description: `Sends the command ${route.command}.`,
    parameters: [
      ...names.map((name) => pathParameter(name, route.integers?.includes(name) === true)),
      KEY_PARAMETER,
      REVISION_PARAMETER,
      MIN_POSITION_PARAMETER,
    ],
    ...(route.bodyless === true ? {} : { requestBody: { content: { 'application/json': { schema: body } } } }),
    responses: {
      [route.creates === true ? 201 : 200]: jsonAnswer('accepted', schemaOf(accepted, 'output')),
      ...REFUSED,
    },
  };
}

function uploadOperation(route: UploadRoute): Operation {
  const binary = { schema: { type: 'string', format: 'binary' } };
  return {
    operationId: operationId(route.method, route.path),
    summary: route.summary,
    parameters: [
      ...parameterNames(route.path).map((name) => pathParameter(name, false)),
      ...Object.entries(route.query).map(([name, description]) => ({
        name,
        in: 'query',
        description,
        schema: { type: 'string' },
      })),
      KEY_PARAMETER,
    ],
    requestBody: {
      required: true,
      description: `at most ${route.bytesMax} bytes`,
      content: Object.fromEntries(route.mediaTypes.map((mediaType) => [mediaType, binary])),
    },
    responses: { 201: jsonAnswer('accepted', schemaOf(accepted, 'output')), ...REFUSED },
  };
}

function revertOperation(route: RevertRoute): Operation {
  const body = schemaOf(revertBody.extend(route.body.shape), 'input');
  const done = route.answer === undefined ? schemaOf(accepted, 'output') : {};
  return {
    operationId: operationId('POST', route.path),
    summary: route.summary,
    description: `Reads the state at \`to\`, which takes what \`asOf\` does, and sends ${route.command} with it.`,
    parameters: [
      ...parameterNames(route.path).map((name) => pathParameter(name, false)),
      KEY_PARAMETER,
      ...(route.answer === undefined ? [REVISION_PARAMETER] : []),
      MIN_POSITION_PARAMETER,
    ],
    requestBody: { required: true, content: { 'application/json': { schema: body } } },
    responses: { 200: jsonAnswer('accepted', done), ...REFUSED },
  };
}

function queryOperation(route: QueryRoute): Operation {
  const { answers } = route;
  const content =
    typeof answers === 'string'
      ? { [answers]: { schema: { type: 'string', format: 'binary' } } }
      : { 'application/json': { schema: schemaOf(answers, 'output') } };
  return {
    operationId: operationId('GET', route.path),
    summary: route.summary,
    ...(route.public ? { security: [{}, { key: [] }] } : {}),
    parameters: [
      ...parameterNames(route.path).map((name) => pathParameter(name, route.integers?.includes(name) === true)),
      ...queryParameters(route.query),
      AS_OF_PARAMETER,
      MIN_POSITION_PARAMETER,
    ],
    responses: { 200: { description: 'read', content }, 304: { description: 'not changed' }, ...REFUSED },
  };
}

function commandsOperation(commands: readonly CommandDefinition[]): Operation {
  const items = commands.map(({ type, schema }) => ({
    type: 'object',
    properties: {
      type: { const: type },
      data: schemaOf(schema, 'input'),
      expectedRevision: { type: 'integer', minimum: -1 },
      idempotencyKey: { type: 'string', minLength: 1, maxLength: 255 },
    },
    required: ['type', 'data'],
    additionalProperties: false,
  }));
  const one = { oneOf: items };
  return {
    tags: ['commands'],
    operationId: 'postCommands',
    summary: 'Send one command, or up to 1,000 that stand or fail each for itself',
    parameters: [KEY_PARAMETER, REVISION_PARAMETER, MIN_POSITION_PARAMETER],
    requestBody: {
      required: true,
      content: { 'application/json': { schema: { anyOf: [one, { type: 'array', maxItems: 1000, items: one }] } } },
    },
    responses: { 200: jsonAnswer('accepted', schemaOf(z.union([accepted, batch]), 'output')), ...REFUSED },
  };
}

function logOperation(summary: string, parameters: readonly object[], query: z.ZodType): Operation {
  const lines = { schema: { $ref: '#/components/schemas/Event' } };
  const shape = { ...schemaOf(page, 'output'), description: 'items are events' };
  return {
    tags: ['log'],
    summary,
    parameters: [...parameters, ...queryParameters(query)],
    responses: {
      200: { description: 'read', content: { 'application/json': { schema: shape }, 'application/x-ndjson': lines } },
      ...REFUSED,
    },
  };
}

function whatIfOperation(): Operation {
  return {
    tags: ['history'],
    operationId: 'postWhatif',
    summary: 'What commands would do to a present or past state: decided in order, never appended',
    description: 'Takes the key of an admin. Results are as of POST /v1/commands, of what has neither id nor position.',
    requestBody: { required: true, content: { 'application/json': { schema: schemaOf(whatIfBody, 'input') } } },
    responses: { 200: jsonAnswer('decided', schemaOf(whatIfAnswer, 'output')), ...REFUSED },
  };
}

function diffOperation(): Operation {
  const lines = { schema: schemaOf(diffItem, 'output') };
  const picture = { schema: { type: 'string', format: 'binary' } };
  const json = { schema: schemaOf(z.union([diffPage, diffSummary]), 'output') };
  return {
    tags: ['history'],
    operationId: 'getDiff',
    summary: 'What changed between two positions',
    description: 'Without a key: boards. The key of an account sees its own items, an admin all.',
    security: [{}, { key: [] }],
    parameters: [...queryParameters(diffQuery), MIN_POSITION_PARAMETER],
    responses: {
      200: {
        description: 'read',
        content: { 'application/json': json, 'application/x-ndjson': lines, 'image/png': picture },
      },
      304: { description: 'not changed' },
      ...REFUSED,
    },
  };
}

function transparencyOperation(route: (typeof transparencyRoutes)[number]): Operation {
  const { path, summary, query, answers } = route;
  const content =
    typeof answers === 'string'
      ? { [answers]: { schema: { type: 'string' } } }
      : { 'application/json': { schema: schemaOf(answers, 'output') } };
  return {
    operationId: operationId('GET', path),
    summary,
    ...(route.public ? { security: [{}, { key: [] }] } : {}),
    parameters: [...parameterNames(path).map((name) => pathParameter(name, false)), ...queryParameters(query)],
    responses: { 200: { description: 'read', content }, ...REFUSED },
  };
}

function projectionOperations(): readonly (readonly [string, string, Operation])[] {
  const tags = ['operations'];
  const parameters = [pathParameter('projection', false)];
  const one = jsonAnswer('how the projection stands', schemaOf(projectionShape, 'output'));
  const all = jsonAnswer('how projections stand', schemaOf(projectionsShape, 'output'));
  const verb = (name: string) => `/v1/projections/{projection}/${name}`;
  return [
    [
      '/v1/projections',
      'GET',
      {
        tags,
        summary: 'How projections stand, and what they hold',
        parameters: queryParameters(projectionsQuery),
        responses: { 200: all, ...REFUSED },
      },
    ],
    [
      verb('rebuild'),
      'POST',
      {
        tags,
        summary: 'Fold another copy from the log, beside the one that serves',
        parameters,
        responses: { 202: one, ...REFUSED },
      },
    ],
    [
      verb('promote'),
      'POST',
      {
        tags,
        summary: 'Let the rebuilt copy take over',
        parameters,
        responses: { 200: one, ...REFUSED },
      },
    ],
  ];
}

function queryParameters(query: z.ZodType): object[] {
  const { properties = {}, required = [] } = schemaOf(query, 'input') as {
    readonly properties?: { readonly [name: string]: Schema };
    readonly required?: readonly string[];
  };
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
  }));
}

function parameterNames(path: string): string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!);
}

function pathParameter(name: string, isInteger: boolean): object {
  return { name, in: 'path', required: true, schema: { type: isInteger ? 'integer' : 'string' } };
}

function jsonAnswer(description: string, schema: Schema): object {
  return { description, content: { 'application/json': { schema } } };
}

/** `putBoardsPixels` for `PUT /v1/boards/{board}/pixels/{x}/{y}`: with the parameters' names, unique. */
function operationId(method: string, path: string): string {
  const words = path.match(/\w+/g)?.slice(1) ?? [];
  return method.toLowerCase() + words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('');
}
