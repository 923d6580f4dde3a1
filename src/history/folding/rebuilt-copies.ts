import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProjectionDefinition } from '../projection.ts';
import { REBUILT } from './fold-store.ts';

/** As a projection is first folded, in the folder of all projections. */
export const FIRST_GENERATION = 1;
/** A file in a copy's folder: the copy has taken over. */
const LIVE = 'live';

/** Names a copy of a projection. Generations of one version fold to the same bytes; a rebuilt one is 2 or more. */
export type CopyName = { readonly projection: string; readonly version: number; readonly generation: number };

/** A copy that was folded anew from the log, in a folder of its own, beside the one that it replaces. */
export type RebuiltCopy = CopyName & { readonly folder: string; readonly isLive: boolean };

/** `photos@1.2` */
export function copyFolder(projectionsDir: string, { projection, version, generation }: CopyName): string {
  return join(projectionsDir, REBUILT, `${projection}@${version}.${generation}`);
}

/** From now on, through a crash too, the copy is one to go on with. */
export function beginCopy(projectionsDir: string, name: CopyName): RebuiltCopy {
  const folder = copyFolder(projectionsDir, name);
  mkdirSync(folder, { recursive: true });
  return { ...name, folder, isLive: false };
}

/** All that lie in the folder of projections, whatever version they are of. */
export function rebuiltCopies(projectionsDir: string): RebuiltCopy[] {
  const dir = join(projectionsDir, REBUILT);
  if (!existsSync(dir)) return [];
  return readdirSync(dir).flatMap((name) => {
    const [, projection, version, generation] = /^(.+)@([0-9]+)\.([0-9]+)$/.exec(name) ?? [];
    if (projection === undefined) return [];
    const folder = join(dir, name);
    const isLive = existsSync(join(folder, LIVE));
    return [{ projection, version: Number(version), generation: Number(generation), folder, isLive }];
  });
}

/** The rebuilt copy that serves the projection, or `null` where the one in the folder of all projections does. */
export function liveCopy(copies: readonly RebuiltCopy[], definition: ProjectionDefinition): RebuiltCopy | null {
  const live = copies.filter((copy) => copy.isLive && isCopyOf(copy, definition));
  return live.reduce<RebuiltCopy | null>(
    (last, copy) => ((last?.generation ?? 0) > copy.generation ? last : copy),
    null,
  );
}

export function isCopyOf(copy: CopyName, { name, version }: ProjectionDefinition): boolean {
  return copy.projection === name && copy.version === version;
}

/** From now on, through crashes too, this copy serves its projection. */
export function markLive(folder: string): void {
  writeFileSync(join(folder, LIVE), '', { flush: true });
  const descriptor = openSync(folder, 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
}

export function removeCopy({ folder }: Pick<RebuiltCopy, 'folder'>): void {
  rmSync(folder, { recursive: true, force: true });
}
