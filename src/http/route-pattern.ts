import { assert } from '../assert.ts';
import { errors } from '../errors.ts';
import type { HttpRequest } from './uws.ts';

export type PathParams = { readonly [name: string]: string };

/**
 * A declared path, `/v1/boards/{board}/pixels/{x}`, as the library routes it, `/v1/boards/:board/pixels/:x`. The last
 * segment may go on after its name: `{board}.png` shares the library's route with `{board}`, told apart by `suffix`.
 */
export type RoutePattern = {
  readonly path: string;
  readonly routed: string;
  readonly names: readonly string[];
  /** What the last parameter ends with, or an empty string. */
  readonly suffix: string;
};

export function routePattern(path: string): RoutePattern {
  const names: string[] = [];
  let suffix = '';
  const segments = path.split('/').map((segment, at, all) => {
    const match = /^\{(\w+)\}(.*)$/.exec(segment);
    if (match === null) {
      assert(!/[{}:*]/.test(segment), `the path ${path} has whole segments as parameters`);
      return segment;
    }
    names.push(match[1]!);
    suffix = match[2]!;
    assert(suffix === '' || at === all.length - 1, `the path ${path} has whole segments as parameters`);
    // One name for all: the library would route `:a` and `:b` at one place as two.
    return `:p${names.length - 1}`;
  });
  return { path, routed: segments.join('/'), names, suffix };
}

/**
 * The request's parameters by name, decoded.
 * @throws request.malformed for percent-encoding that is none.
 */
export function readParams(pattern: RoutePattern, req: HttpRequest): { [name: string]: string } {
  const { names } = pattern;
  const params: { [name: string]: string } = {};
  for (let at = 0; at < names.length; at += 1) params[names[at]!] = readParam(pattern, req, at);
  return params;
}

/** The `at`-th parameter, decoded, as `readParams` has it. */
export function readParam({ names, suffix }: RoutePattern, req: HttpRequest, at: number): string {
  const raw = req.getParameter(at) ?? '';
  const own = suffix !== '' && at === names.length - 1 ? raw.slice(0, -suffix.length) : raw;
  return own.includes('%') ? decodeSegment(own) : own;
}

/** @throws request.malformed */
export function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw errors.error('request.malformed', 'the address has percent-encoding that is not well-formed');
  }
}

/**
 * The query string's values by name.
 * @throws request.invalid for a name that stands twice.
 */
export function readQuery(raw: string | undefined): { [name: string]: string } {
  if (raw === undefined || raw === '') return {};
  const values = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(raw)) {
    if (values.has(name)) {
      const mistake = { path: name, message: 'stands twice in the query' };
      throw errors.error('request.invalid', `${name} ${mistake.message}`, { errors: [mistake] });
    }
    values.set(name, value);
  }
  return Object.fromEntries(values);
}
