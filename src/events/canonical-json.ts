import type { Json } from './event.ts';

/** Field names seen lately, quoted: the same few come again with every event. */
const quotedNames = new Map<string, string>();
const QUOTED_NAMES_MAX = 4096;

/**
 * The one JSON text of a value (RFC 8785): fields in the order of their UTF-16 code units, no space, numbers as
 * ECMAScript prints them. Fields that are undefined are left out, as `JSON.stringify` has it.
 *
 * @throws TypeError for what is not JSON: NaN, infinities, lone surrogates, bigints, functions, objects of a class.
 */
export function canonicalJson(value: Json): string {
  switch (typeof value) {
    case 'string':
      return quoted(value);
    case 'number':
      return number(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      return Array.isArray(value) ? array(value) : object(value as { readonly [name: string]: Json });
    default:
      throw new TypeError(`${typeof value} is not JSON`);
  }
}

function quoted(text: string): string {
  if (!text.isWellFormed()) throw new TypeError('a string has a lone surrogate');
  return JSON.stringify(text);
}

function number(value: number): string {
  if (!Number.isFinite(value)) throw new TypeError(`${value} is not JSON`);
  return `${value}`;
}

function array(items: readonly Json[]): string {
  let text = '[';
  for (let at = 0; at < items.length; at += 1) text += (at === 0 ? '' : ',') + canonicalJson(items[at]!);
  return `${text}]`;
}

function object(fields: { readonly [name: string]: Json }): string {
  const prototype: unknown = Object.getPrototypeOf(fields);
  if (prototype !== Object.prototype && prototype !== null) throw new TypeError('an object of a class is not JSON');
  const names = Object.keys(fields);
  for (let at = 1; at < names.length; at += 1) {
    if (names[at - 1]! > names[at]!) {
      names.sort(byCodeUnits);
      break;
    }
  }
  let text = '{';
  for (let at = 0; at < names.length; at += 1) {
    const value = fields[names[at]!];
    if (value === undefined) continue;
    text += (text.length === 1 ? '' : ',') + quotedName(names[at]!) + canonicalJson(value);
  }
  return `${text}}`;
}

function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : 1;
}

function quotedName(name: string): string {
  const known = quotedNames.get(name);
  if (known !== undefined) return known;
  const text = `${quoted(name)}:`;
  // Names can come from outside, so what is kept is bounded.
  if (quotedNames.size >= QUOTED_NAMES_MAX) quotedNames.clear();
  quotedNames.set(name, text);
  return text;
}
