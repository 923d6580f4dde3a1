import { usage } from './failure.ts';

type Value = null | boolean | number | string | Value[] | { [name: string]: Value };
type Fields = { [name: string]: Value };

/**
 * Reads `width=100 title=Hello addTags=a addTags=b set.rating=5` into a JSON object. `typeOf` tells the type that the
 * server wants for a field; where it does not know, what looks like JSON is JSON and the rest is a string. `name:=JSON`
 * is JSON always. A dot leads into an object; an array takes a name more than once, or commas.
 * @throws CliFailure naming the field that cannot be read.
 */
export function readFields(pairs: readonly string[], typeOf: (field: string) => string | undefined): Fields {
  const fields: Fields = {};
  for (const pair of pairs) {
    const match = /^([A-Za-z_][\w.-]*?)(:?=)([\s\S]*)$/.exec(pair);
    if (match === null) throw usage(`"${pair}" is not a field: write name=value`);
    const [, name = '', sign, text = ''] = match;
    const type = sign === ':=' ? 'json' : typeOf(name);
    place(fields, name.split('.'), readValue(name, text, type), type === 'array');
  }
  return fields;
}

function readValue(name: string, text: string, type: string | undefined): Value {
  switch (type) {
    case 'string':
      return text;
    case 'integer':
    case 'number':
      if (text.trim() === '' || !Number.isFinite(Number(text))) throw usage(`${name} is a number, not "${text}"`);
      return Number(text);
    case 'boolean':
      if (text !== 'true' && text !== 'false') throw usage(`${name} is true or false, not "${text}"`);
      return text === 'true';
    case 'array':
      return text.startsWith('[') ? parseJson(name, text) : text === '' ? [] : text.split(',');
    case 'object':
    case 'json':
      return parseJson(name, text);
    default:
      return guess(text);
  }
}

function parseJson(name: string, text: string): Value {
  try {
    // JSON.parse makes nothing but JSON values.
    return JSON.parse(text) as Value;
  } catch {
    throw usage(`${name} takes JSON, and "${text}" is none`);
  }
}

function guess(text: string): Value {
  try {
    return JSON.parse(text) as Value;
  } catch {
    return text;
  }
}

function place(fields: Fields, path: readonly string[], value: Value, append: boolean): void {
  let target = fields;
  for (const name of path.slice(0, -1)) {
    const inner = Object.hasOwn(target, name) ? target[name] : undefined;
    const next: Fields = isObject(inner) ? inner : {};
    define(target, name, next);
    target = next;
  }
  const last = path.at(-1)!;
  const before = Object.hasOwn(target, last) ? target[last] : undefined;
  define(target, last, append && Array.isArray(before) && Array.isArray(value) ? [...before, ...value] : value);
}

function isObject(value: Value | undefined): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Assigning would run the setter of `__proto__`; the server is the one to refuse that name. */
function define(target: Fields, name: string, value: Value): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}
