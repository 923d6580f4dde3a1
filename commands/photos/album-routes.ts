import type { CommandRoute } from '#handling/routes.ts';
import { libraryOf } from './library.ts';

const ALBUM = '/v1/albums/{album}';
const PHOTO = `${ALBUM}/photos/{photo}`;

export const albumRoutes: readonly CommandRoute[] = [
  {
    method: 'POST',
    path: '/v1/albums',
    command: 'CreateAlbum',
    summary: 'Create an album in the library of the key, or for the admin in that of `?account=`',
    creates: true,
    data: (fields, caller, { account }) =>
      account === undefined ? fields : { ...fields, library: libraryOf(caller, account) },
    answer: ({ made }) => ({ album: made.album! }),
  },
  { method: 'PATCH', path: ALBUM, command: 'RenameAlbum', summary: 'Give an album another title' },
  {
    method: 'DELETE',
    path: ALBUM,
    command: 'DeleteAlbum',
    summary: 'Delete an album; its photos stay in the library',
    bodyless: true,
  },
  { method: 'PUT', path: PHOTO, command: 'AddToAlbum', summary: 'Add a photo of the library', bodyless: true },
  { method: 'DELETE', path: PHOTO, command: 'RemoveFromAlbum', summary: 'Take a photo out', bodyless: true },
];
