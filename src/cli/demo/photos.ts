import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import mime from 'mime';
import sharp from 'sharp';
import { CliFailure } from '../failure.ts';

export type DemoPhoto = {
  readonly name: string;
  readonly mediaType: string;
  readonly read: () => Promise<Uint8Array<ArrayBuffer>>;
};

/** Media types that the photo library takes. */
const MEDIA_TYPES = ['jpeg', 'png', 'webp', 'gif', 'avif', 'tiff', 'heic'].map((type) => `image/${type}`);

/** The photos of a folder, by name; not those of folders within it. */
export async function photosOf(folder: string): Promise<DemoPhoto[]> {
  const names = (await readdir(folder)).sort();
  const photos = names.flatMap((name) => {
    const mediaType = mime.getType(name);
    if (mediaType === null || !MEDIA_TYPES.includes(mediaType)) return [];
    return [{ name, mediaType, read: async () => new Uint8Array(await readFile(join(folder, name))) }];
  });
  if (photos.length === 0) throw new CliFailure(`there are no photos in ${folder}`);
  return photos;
}

const PLACES = [
  { name: 'dawn', day: '2026:05:01 05:12:40', sky: '#f7b267', ground: '#3d405b', latitude: '46/1 33/1 0/1' },
  { name: 'noon', day: '2026:05:01 12:03:11', sky: '#8ecae6', ground: '#588157', latitude: '46/1 35/1 12/1' },
  { name: 'rain', day: '2026:05:02 15:48:02', sky: '#98a5b3', ground: '#3a5a40', latitude: '46/1 38/1 30/1' },
  { name: 'dusk', day: '2026:05:02 20:31:55', sky: '#c77dff', ground: '#240046', latitude: '46/1 40/1 4/1' },
  { name: 'stars', day: '2026:05:03 23:59:30', sky: '#0b132b', ground: '#1c2541', latitude: '46/1 41/1 59/1' },
] as const;

/** Drawn JPEGs with the EXIF data that a camera writes: make, time taken and place. */
export function drawnPhotos(): DemoPhoto[] {
  return PLACES.map(({ name, day, sky, ground, latitude }) => ({
    name: `${name}.jpg`,
    mediaType: 'image/jpeg',
    read: async () => {
      const picture = `<svg xmlns="http://www.w3.org/2000/svg" width="1600" height="1200">
        <defs><linearGradient id="sky" x2="0" y2="1"><stop stop-color="${sky}"/>
        <stop offset="1" stop-color="#ffffff"/></linearGradient></defs>
        <rect width="1600" height="1200" fill="url(#sky)"/>
        <circle cx="1150" cy="420" r="110" fill="#fff3b0"/>
        <path d="M0 900 L350 560 L620 820 L980 480 L1600 940 V1200 H0 Z" fill="${ground}"/>
        <path d="M0 1040 Q400 900 800 1030 T1600 1010 V1200 H0 Z" fill="${ground}" opacity="0.7"/></svg>`;
      const jpeg = await sharp(Buffer.from(picture))
        .jpeg({ quality: 85 })
        .withExif({
          IFD0: { Make: 'Strata', Model: 'Drawn' },
          IFD2: { DateTimeOriginal: day, OffsetTimeOriginal: '+00:00' },
          IFD3: { GPSLatitudeRef: 'N', GPSLatitude: latitude, GPSLongitudeRef: 'E', GPSLongitude: '7/1 59/1 0/1' },
        })
        .toBuffer();
      return new Uint8Array(jpeg);
    },
  }));
}
