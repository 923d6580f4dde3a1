import { defineInvariant } from '#commands/invariant.ts';
import { type BlobUse, counted, type DomainAudit } from '#handling/invariant.ts';
import type { PhotoEvents } from './events.ts';
import { photoId } from './photo-id.ts';

type Photos = { readonly added: Set<string>; readonly erased: Set<string> };

const photosAreTheirContent = defineInvariant<PhotoEvents, Photos>(
  'photos are named by their content, and what changes was added',
  () => ({ added: new Set(), erased: new Set() }),
  {
    PhotoAdded: ({ added }, { photo, library, sha256 }) => {
      if (added.has(photo)) return `photo ${photo} is added twice`;
      added.add(photo);
      return photoId(library, sha256) === photo ? null : `photo ${photo} is not what its bytes are named in ${library}`;
    },
    PhotoEdited: (state, { photo }) => change(state, photo),
    PhotoReverted: (state, { photo }) => change(state, photo),
    PhotoTrashed: (state, { photo }) => change(state, photo),
    PhotoRestored: (state, { photo }) => change(state, photo),
    PhotoErased: (state, { photo }) => {
      const broken = change(state, photo);
      state.erased.add(photo);
      return broken;
    },
  },
  ({ added, erased }) => `${counted(added.size, 'photo')}, ${erased.size} erased`,
);

/** The originals of all photos that are not erased: one blob may be several libraries'. */
const originals: BlobUse = {
  types: ['PhotoAdded', 'PhotoErased'],
  begin: () => {
    const blobs = new Map<string, string>();
    return {
      visit: ({ type, data }) => {
        const { photo, sha256 } = data as PhotoEvents['PhotoAdded'];
        if (type === 'PhotoAdded') blobs.set(photo, sha256);
        else blobs.delete(photo);
      },
      blobs: () => blobs.entries().map(([photo, sha256]) => ({ sha256, what: `the original of photo ${photo}` })),
    };
  },
};

export const photosAudit: DomainAudit = { invariants: [photosAreTheirContent], blobs: originals };

function change({ added, erased }: Photos, photo: string): string | null {
  if (erased.has(photo)) return `photo ${photo} was erased before`;
  return added.has(photo) ? null : `photo ${photo} was never added`;
}
