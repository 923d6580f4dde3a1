import { isUtf8 } from 'node:buffer';
import type { Json } from '#events/event.ts';
import { errors, type StrataError } from '../errors.ts';
import { duplicateKey } from './duplicate-key.ts';

const DEPTH_MAX = 32;

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const SMALL_U = 0x75;

/**
 * Reads a JSON text as RFC 8259 has it, and refuses what readers disagree about (RFC 7493): duplicate keys, `__proto__`,
 * Unicode that is not well-formed, and nesting deeper than 32.
 *
 * @throws request.malformed, naming what is wrong and where.
 */
export function parseStrictJson(bytes: Buffer): Json {
  const text = bytes.toString('utf8');
  // The replacement character stands in the text when the bytes held it, or when they were no UTF-8.
  if (text.includes('\uFFFD') && !isUtf8(bytes)) throw malformed('the body is not UTF-8');

  const { names, escapes } = survey(text);
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (error) {
    throw malformed(`the body is not JSON: ${error instanceof Error ? error.message.slice(0, 200) : ''}`);
  }
  if (typeof value !== 'object' || value === null) {
    if (escapes) checkText(value, '');
    return value;
  }
  // An object keeps one of two equal keys, so fewer keys than names in the text means a duplicate: cheaper than looking
  // for one, which is done only to name it.
  if (checkObject(value, escapes, '') !== names) {
    throw malformed(`the key ${duplicateKey(text)} stands twice in one object`);
  }
  return value;
}

/** How many names the text's objects have, and whether there are `\u` escapes. */
function survey(text: string): { names: number; escapes: boolean } {
  let names = 0;
  let escapes = false;
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (inString) {
      if (code === QUOTE) inString = false;
      else if (code === BACKSLASH) {
        at += 1;
        escapes ||= text.charCodeAt(at) === SMALL_U;
      }
    } else if (code === QUOTE) inString = true;
    else if (code === COLON) names += 1;
    else if (code === 0x7b || code === 0x5b) {
      depth += 1;
      if (depth > DEPTH_MAX) throw malformed(`the body nests deeper than ${DEPTH_MAX}`);
    } else if (code === 0x7d || code === 0x5d) depth -= 1;
  }
  return { names, escapes };
}

/** Counts the keys in the value, checking each. */
function checkObject(value: object, escapes: boolean, path: string): number {
  if (Array.isArray(value)) {
    let keys = 0;
    for (let at = 0; at < value.length; at += 1) {
      const item: Json = value[at];
      if (typeof item === 'object' && item !== null) keys += checkObject(item, escapes, `${path}[${at}]`);
      else if (escapes) checkText(item, `${path}[${at}]`);
    }
    return keys;
  }
  let keys = 0;
  // What JSON.parse makes inherits nothing that could be listed here.
  const object = value as { readonly [key: string]: Json };
  for (const key in object) {
    const item = object[key]!;
    keys += 1;
    if (key === '__proto__') throw malformed(`the key "__proto__" is not allowed (in ${path || 'the body'})`);
    if (escapes) checkText(key, path);
    if (typeof item === 'object' && item !== null) keys += checkObject(item, escapes, within(path, key));
    else if (escapes) checkText(item, within(path, key));
  }
  return keys;
}

function checkText(value: Json, path: string): void {
  if (typeof value === 'string' && !value.isWellFormed()) {
    throw malformed(`half of a surrogate pair stands in ${path || 'the body'}`);
  }
}

function within(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

function malformed(detail: string): StrataError {
  return errors.error('request.malformed', detail);
}
