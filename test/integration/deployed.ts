import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A file of the repository. */
export function source(path: string): string {
  return readFileSync(`${ROOT}/${path}`, 'utf8');
}

type Image = {
  /** What is copied out of the repository. */
  readonly copied: readonly string[];
  readonly env: { readonly [name: string]: string };
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly health: readonly string[];
  readonly user: string;
  readonly bases: readonly string[];
};

/** What deploy/docker/Dockerfile makes, as far as it can be told without building it. */
export function readImage(): Image {
  const lines = source('deploy/docker/Dockerfile')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n');
  const told = (instruction: string) =>
    lines.filter((line) => line.startsWith(`${instruction} `)).map((line) => line.slice(instruction.length + 1));
  const env = told('ENV').flatMap((line) => [...line.matchAll(/(\w+)=(\S+)/g)]);
  return {
    copied: told('COPY')
      .filter((line) => !line.startsWith('--from'))
      .flatMap((line) => line.split(' ').slice(0, -1)),
    env: Object.fromEntries(env.map(([, name, value]) => [name, value])),
    entrypoint: JSON.parse(told('ENTRYPOINT')[0]!),
    command: JSON.parse(told('CMD')[0]!),
    health: JSON.parse(told('HEALTHCHECK')[0]!.replace(/^.*?CMD /, '')),
    user: told('USER')[0]!,
    bases: told('FROM').map((line) => line.split(' ')[0]!),
  };
}

/** The last line of .dockerignore that says something of the path decides (as the builder's own rule has it). */
export function isIgnored(path: string): boolean {
  let ignored = false;
  for (const line of source('.dockerignore').split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const pattern = line.replace(/^!/, '');
    const regex = pattern === '*' ? /^/ : patternOf(pattern);
    if (regex.test(path)) ignored = !line.startsWith('!');
  }
  return ignored;
}

function patternOf(pattern: string): RegExp {
  const escaped = pattern.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&');
  const text = escaped.replaceAll('**/', '(?:.*/)?').replaceAll(/(?<!\.)\*(?!\/)/g, '[^/]*');
  return new RegExp(`^${text}(?:/|$)`);
}

/** A template as the image of nginx fills it: only what the environment has is replaced. */
export function filled(template: string, env: { readonly [name: string]: string }): string {
  return template.replaceAll(/\$\{(\w+)\}/g, (whole, name) => env[name] ?? whole);
}
