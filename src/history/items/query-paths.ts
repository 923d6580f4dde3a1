import { errors } from '../../errors.ts';
import type { QueryRoute } from '../routes.ts';

type Found = { readonly route: QueryRoute; readonly params: { readonly [name: string]: string } };

/** Finds the declared GET of an address: `/v1/boards/wall/pixels/3/4`. */
export class QueryPaths {
  readonly #routes: readonly { readonly pattern: RegExp; readonly route: QueryRoute }[];

  constructor(routes: readonly QueryRoute[]) {
    // What is spelled out goes before what is a parameter: `{board}.png` before `{board}`.
    this.#routes = [...routes]
      .sort((a, b) => literalLength(b.path) - literalLength(a.path))
      .map((route) => ({ pattern: patternOf(route.path), route }));
  }

  /** @throws request.unknown-route */
  find(path: string): Found {
    for (const { pattern, route } of this.#routes) {
      const match = pattern.exec(path);
      if (match === null) continue;
      const params = Object.entries(match.groups ?? {}).map(([name, value]) => [name, decodeURIComponent(value)]);
      return { route, params: Object.fromEntries(params) as Found['params'] };
    }
    throw errors.error('request.unknown-route', `there is nothing to read at ${path.slice(0, 200)}`);
  }
}

function literalLength(path: string): number {
  return path.replace(/\{\w+\}/g, '').length;
}

function patternOf(path: string): RegExp {
  const escaped = path.replace(/[.]/g, '\\.').replace(/\{(\w+)\}/g, '(?<$1>[^/]+)');
  return new RegExp(`^${escaped}$`);
}
