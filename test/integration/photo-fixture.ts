import { createHash } from 'node:crypto';
import type { Answered, ServerFixture } from './server-fixture.ts';

/** A photo without its bytes, as the admin may add one: its id, and the position. */
export async function addPhoto(strata: ServerFixture, name: string, library = 'default') {
  const sha256 = createHash('sha256').update(name).digest('hex');
  const data = {
    library,
    sha256,
    bytes: 1000,
    mediaType: 'image/jpeg',
    width: 40,
    height: 30,
    takenAt: '2024-07-01T10:00:00Z',
    location: { latitude: 46.5, longitude: 8 },
    exif: null,
    fileName: `${name}.jpg`,
  };
  const { body }: Answered = await strata.call('POST', '/v1/commands', { type: 'AddPhoto', data });
  return { photo: body.stream.slice('photo-'.length) as string, position: body.position as string };
}
