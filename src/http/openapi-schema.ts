import { z } from 'zod';

/** A JSON Schema, as OpenAPI 3.1 takes it. */
export type Schema = { readonly [keyword: string]: unknown };

/** What a request must look like (`input`), or what an answer will (`output`). */
export function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Schema {
  // What JSON Schema cannot say (a refinement) is left out rather than refused.
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}

/** The body's fields: those of the command that do not stand in the address. */
export function without(schema: Schema, names: readonly string[]): Schema {
  const { properties, required, ...rest } = schema as {
    readonly properties?: { readonly [name: string]: unknown };
    readonly required?: readonly string[];
  };
  const left = Object.entries(properties ?? {}).filter(([name]) => !names.includes(name));
  const needed = (required ?? []).filter((name) => !names.includes(name));
  return { ...rest, properties: Object.fromEntries(left), ...(needed.length > 0 ? { required: needed } : {}) };
}
