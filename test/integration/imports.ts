import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join, relative } from 'node:path';

export type Import = {
  /** Paths from the repository's root: `src/log/event-log.ts`. */
  readonly from: string;
  readonly to: string;
  /** False where only types are imported: nothing of it remains when the program runs. */
  readonly atRunTime: boolean;
};

const FROM = /^(?:import|export)\b[^;'"]*\bfrom\s*(['"])([^'"]+)\1/gm;
const BARE = /^import\s*(['"])([^'"]+)\1/gm;
const DYNAMIC = /\bimport\(\s*(['"])([^'"]+)\1/g;

/** All imports between the repository's own files below these folders, tests left out. */
export function importsBelow(root: string, folders: readonly string[]): Import[] {
  const subpaths = readSubpaths(root);
  return folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
    )
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.endsWith('.d.ts'))
    .flatMap((file) => importsOf(root, file, subpaths));
}

function importsOf(root: string, file: string, subpaths: Subpaths): Import[] {
  const source = readFileSync(join(root, file), 'utf8');
  const atRunTime = new Set(specifiers(stripTypeScriptTypes(source)));
  return specifiers(source).flatMap((specifier) => {
    const to = resolve(root, file, specifier, subpaths);
    return to === null ? [] : [{ from: file, to, atRunTime: atRunTime.has(specifier) }];
  });
}

export function specifiers(source: string): string[] {
  return [FROM, BARE, DYNAMIC].flatMap((pattern) => [...source.matchAll(pattern)].map((match) => match[2]!));
}

/** `#log/*` to `src/log/*`, as package.json has them. */
type Subpaths = readonly { readonly prefix: string; readonly folder: string }[];

function readSubpaths(root: string): Subpaths {
  const { imports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    imports: { [pattern: string]: string };
  };
  return Object.entries(imports).map(([pattern, target]) => ({
    prefix: pattern.replace(/\*$/, ''),
    folder: target.replace(/^\.\//, '').replace(/\*$/, ''),
  }));
}

/** The source file that a specifier names, or `null` for a package or a JSON file. */
function resolve(root: string, file: string, specifier: string, subpaths: Subpaths): string | null {
  if (specifier.endsWith('.json')) return null;
  if (specifier.startsWith('.')) return relative(root, join(root, dirname(file), specifier));
  if (!specifier.startsWith('#')) return null;
  const subpath = subpaths.find(({ prefix }) => specifier.startsWith(prefix));
  if (subpath === undefined) throw new Error(`${file} imports ${specifier}, which package.json does not declare`);
  return subpath.folder + specifier.slice(subpath.prefix.length);
}
