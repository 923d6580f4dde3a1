import { openAsBlob } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { Command, Option } from 'commander';
import mime from 'mime';
import { apiPath, jsonBody, type RequestBody } from '../client.ts';
import { CliFailure, usage } from '../failure.ts';
import { readFields } from '../fields.ts';
import { type OpenApi, type Operation, operationsAt } from '../operations.ts';
import type { OpenSession } from '../program.ts';
import { paint, type Terminal } from '../terminal.ts';
import { zipFolder } from '../zip-folder.ts';

type PutOptions = {
  readonly data?: string;
  readonly file?: string;
  readonly method?: string;
  readonly idempotencyKey?: string;
  readonly ifMatch?: string;
};

/** `strata put PATH …`: one command, by the route that the server's OpenAPI document has for the path. */
export function putCommand(open: OpenSession): Command {
  return new Command('put')
    .description(
      'change something: strata put boards/demo width=100 height=100, strata put boards/demo/pixels/3/4 color=5,\n' +
        'strata put photos --file cat.jpg, strata put dapps/hello/deploys --file ./folder',
    )
    .argument('<path>', 'address below /v1/')
    .argument('[fields...]', 'fields of the body: name=value, name:=JSON, outer.inner=value; arrays repeat a name')
    .option('--data <json>', 'the whole body as JSON')
    .option('--file <path>', 'the body from a file; a folder is packed into a zip archive')
    .addOption(
      new Option('-X, --method <method>', 'when a path has several').choices(['PUT', 'POST', 'PATCH', 'DELETE']),
    )
    .option('--idempotency-key <key>', 'the same key and body are carried out once')
    .option('--if-match <revision>', 'only if the stream is at this revision')
    .action(async (path: string, pairs: string[], options: PutOptions, command: Command) => {
      const { client, terminal, json } = open(command);
      const bodies = [pairs.length > 0, options.data !== undefined, options.file !== undefined];
      if (bodies.filter(Boolean).length > 1) throw usage('give fields, --data or --file, one of them');

      const document = await client.json<OpenApi>('/v1/openapi.json');
      const address = apiPath(path);
      const operations = operationsAt(document, address.split('?', 1)[0]!, options.method);
      const operation = choose(operations, path, options);
      const headers: { [name: string]: string } = {};
      if (options.idempotencyKey !== undefined) headers['Idempotency-Key'] = options.idempotencyKey;
      if (options.ifMatch !== undefined) headers['If-Match'] = `"r${options.ifMatch.replace(/^r/, '')}"`;
      const body = await bodyOf(operation, pairs, options);
      const response = await client.request(operation.method, address, { body, headers });
      const text = await response.text();
      // Whoever runs `strata get` next sees the change.
      await client.settled(response.headers.get('Strata-Position'));
      terminal.out(json ? `${text.trimEnd()}\n` : describeAnswer(terminal, response, text));
    });
}

function choose(operations: readonly Operation[], path: string, options: PutOptions): Operation {
  if (operations.length === 0) {
    const method = options.method === undefined ? '' : ` with ${options.method}`;
    throw usage(`nothing can be put at ${apiPath(path)}${method}; \`strata get openapi.json\` lists the routes`);
  }
  // A DELETE has to be asked for.
  const chosen = operations.find(({ method }) => method !== 'DELETE' || options.method === 'DELETE');
  if (chosen === undefined) throw usage(`${apiPath(path)} only takes DELETE: say so with -X DELETE`);
  return chosen;
}

async function bodyOf(
  operation: Operation,
  pairs: readonly string[],
  options: PutOptions,
): Promise<RequestBody | null> {
  const { mediaTypes } = operation;
  const takesJson = mediaTypes.includes('application/json');
  if (options.file !== undefined) {
    return takesJson ? readJsonFile(options.file) : readUpload(options.file, mediaTypes);
  }
  if (mediaTypes.length > 0 && !takesJson) {
    throw usage(`${operation.path} takes a file (${mediaTypes.join(', ')}): name it with --file`);
  }
  if (options.data !== undefined) return jsonBody(parse(options.data, '--data'));
  if (mediaTypes.length === 0 && pairs.length === 0) return null;
  return jsonBody(readFields(pairs, operation.typeOf));
}

async function readJsonFile(path: string): Promise<RequestBody> {
  return jsonBody(parse(await readFile(path, 'utf8'), path));
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw usage(`${where} is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function readUpload(path: string, mediaTypes: readonly string[]): Promise<RequestBody> {
  if ((await stat(path)).isDirectory()) {
    if (!mediaTypes.includes('application/zip'))
      throw usage(`${path} is a folder; this takes ${mediaTypes.join(', ')}`);
    return { bytes: await zipFolder(path), mediaType: 'application/zip' };
  }
  const mediaType = mime.getType(path) ?? (mediaTypes.length === 1 ? mediaTypes[0]! : null);
  if (mediaType === null) throw new CliFailure(`the name ${path} does not tell its media type`);
  return { bytes: await openAsBlob(path), mediaType };
}

/** `ok  board-demo is at revision 0, position 12`, the events, then what the route adds. */
function describeAnswer(terminal: Terminal, response: Response, text: string): string {
  const answer: unknown = text === '' ? {} : JSON.parse(text);
  if (!isAccepted(answer)) return `${JSON.stringify(answer, null, 2)}\n`;
  const { position, stream, revision, events, ...added } = answer;
  const repeated = response.headers.get('Idempotency-Replayed') === 'true' ? ', answered before' : '';
  const word = paint(terminal, 'green', response.status === 201 ? 'made' : 'ok');
  const lines = [`${word}  ${stream} is at revision ${revision}, position ${position}${repeated}`];
  for (const event of events) lines.push(`  ${event.type} ${paint(terminal, 'dim', JSON.stringify(event.data))}`);
  if (events.length === 0 && repeated === '') lines.push('  nothing changed');
  for (const [name, value] of Object.entries(added)) {
    lines.push(`  ${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`);
  }
  return `${lines.join('\n')}\n`;
}

type AcceptedAnswer = {
  readonly position: string;
  readonly stream: string;
  readonly revision: number;
  readonly events: readonly { readonly type: string; readonly data: unknown }[];
};

function isAccepted(answer: unknown): answer is AcceptedAnswer {
  return typeof answer === 'object' && answer !== null && 'events' in answer && 'stream' in answer;
}
