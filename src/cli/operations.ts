/**
 * Finds the operation that a path means in the server's own OpenAPI document, so that `strata put` knows the method and
 * the types of the fields without a table of its own.
 */

/** As much of a JSON schema as choosing a field's type takes. */
export type Schema = {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly properties?: { readonly [name: string]: Schema };
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema;
};

type OperationObject = {
  readonly requestBody?: {
    readonly $ref?: string;
    readonly content?: { readonly [mediaType: string]: { readonly schema?: Schema } };
  };
};

export type OpenApi = {
  readonly paths?: { readonly [path: string]: { readonly [method: string]: OperationObject } };
  readonly components?: { readonly schemas?: { readonly [name: string]: Schema } };
};

export type Operation = {
  readonly method: string;
  /** As the document has it: `/v1/boards/{board}`. */
  readonly path: string;
  /** Media types that the body may have; none when the operation takes no body. */
  readonly mediaTypes: readonly string[];
  /** The type of a field of the JSON body, named by its path (`set.title`); undefined when the document does not say. */
  readonly typeOf: (field: string) => string | undefined;
};

const WRITING = ['PUT', 'POST', 'PATCH', 'DELETE'] as const;

/**
 * The operations that may write at `path` (which has no query string): the one of `method`, or all in the order in which
 * they are preferred, PUT first and DELETE last.
 */
export function operationsAt(document: OpenApi, path: string, method?: string): Operation[] {
  const segments = path.split('/');
  const matches = Object.entries(document.paths ?? {})
    .filter(([template]) => matchesTemplate(template.split('/'), segments))
    // What is named literally stands before what a parameter would take.
    .sort(([a], [b]) => a.split('{').length - b.split('{').length);
  return matches.flatMap(([template, item]) =>
    WRITING.filter((name) => method === undefined || name === method).flatMap((name) => {
      const operation = item[name.toLowerCase()];
      return operation === undefined ? [] : [describe(document, name, template, operation)];
    }),
  );
}

function matchesTemplate(template: readonly string[], segments: readonly string[]): boolean {
  return (
    template.length === segments.length &&
    template.every((part, at) => (/^\{[^}]+\}$/.test(part) ? segments[at] !== '' : part === segments[at]))
  );
}

function describe(document: OpenApi, method: string, path: string, operation: OperationObject): Operation {
  const content = operation.requestBody?.content ?? {};
  const schema = content['application/json']?.schema;
  return {
    method,
    path,
    mediaTypes: Object.keys(content),
    typeOf: (field) => typeIn(document, schema, field.split('.')),
  };
}

function typeIn(document: OpenApi, schema: Schema | undefined, path: readonly string[]): string | undefined {
  const found = resolve(document, schema);
  if (found === undefined) return undefined;
  const [name, ...rest] = path;
  if (name === undefined) {
    const types = [found.type ?? []].flat().filter((type) => type !== 'null');
    return types.length === 1 ? types[0] : firstOf(document, found, path);
  }
  const inner = found.properties?.[name];
  return inner === undefined ? firstOf(document, found, path) : typeIn(document, inner, rest);
}

/** The first alternative that knows the field: `T | null` is written as alternatives. */
function firstOf(document: OpenApi, schema: Schema, path: readonly string[]): string | undefined {
  for (const alternative of [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])]) {
    const type = typeIn(document, alternative, path);
    if (type !== undefined && type !== 'null') return type;
  }
  return undefined;
}

function resolve(document: OpenApi, schema: Schema | undefined): Schema | undefined {
  const name = schema?.$ref?.replace('#/components/schemas/', '');
  return name === undefined ? schema : document.components?.schemas?.[name];
}
