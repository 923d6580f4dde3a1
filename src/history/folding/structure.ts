import { collectionTreeNames, versionFile } from '../collection/trees.ts';
import type { ProjectionDefinition } from '../projection.ts';
import { changeFile, rasterTreeNames } from '../raster/trees.ts';
import type { AppendFileName } from '../storage/append-file.ts';

type Structure = ProjectionDefinition['structures'][number];

/** Names a structure across projections: `photos/photos`. */
export function structureId(projection: ProjectionDefinition, structure: Structure): string {
  return `${projection.name}/${structure.name}`;
}

export function structureTreeNames(projection: ProjectionDefinition, structure: Structure): string[] {
  return structure.kind === 'collection'
    ? collectionTreeNames(projection, structure)
    : rasterTreeNames(projection, structure);
}

export function structureFile(dir: string, projection: ProjectionDefinition, structure: Structure): AppendFileName {
  return structure.kind === 'collection'
    ? versionFile(dir, projection, structure.name)
    : changeFile(dir, projection, structure.name);
}
