import type { BlobReferences } from '#handling/domain.ts';
import { PHOTOS } from './photo.ts';

/** Photos need their originals for as long as they are there, trashed ones too; libraries may share one. */
export const originals: BlobReferences = {
  isNamed: (db, sha256) => db.collection(PHOTOS).list({ index: 'blob', value: sha256, limit: 1 }).items.length > 0,
  releasedBy: ({ type, data }) => (type === 'PhotoErased' ? [String(data.sha256)] : []),
};
