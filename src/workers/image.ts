import { access, readFile } from 'node:fs/promises';
import sharp, { type Metadata } from 'sharp';
import type { InspectedImage } from '#handling/routes.ts';
import { errors } from '../errors.ts';
import { NO_EXIF, readExif } from './exif.ts';
import type { InspectionJob } from './inspection-job.ts';

/** 2^28: what a 16,384 x 16,384 picture has. */
const PIXELS_MAX = 268_435_456;
/** TIFF files carry EXIF in a place that sharp does not hand out, so they are read whole up to this size. */
const TIFF_BYTES_MAX = 128 * 1024 * 1024;

// One job a process at a time: nothing is gained by keeping pictures, or by more threads than the machine has for others.
sharp.cache(false);
sharp.concurrency(1);
// Formats are chosen by their bytes, and only these are tried: SVG, PDF and the like run code or fetch files.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Tiff', 'Heif'].map((format) => `VipsForeignLoad${format}`),
});

/**
 * Looks into an image: what it truly is, whether it can be decoded, and what its EXIF tells.
 * @throws upload.not-an-image, upload.too-many-pixels, request.media-type
 */
export async function inspectImage(job: Extract<InspectionJob, { kind: 'image' }>): Promise<InspectedImage> {
  await access(job.path);
  // The limit is ours to check, so that an image past it is named for what it is.
  const header = await sharp(job.path, { limitInputPixels: false }).metadata().catch(notAnImage);
  const pixels = header.width * header.height;
  if (pixels > PIXELS_MAX) {
    throw errors.error(
      'upload.too-many-pixels',
      `the image claims ${header.width} x ${header.height} pixels, and ${PIXELS_MAX} are allowed`,
    );
  }
  const mediaType = header.mediaType ?? `image/${header.format}`;
  if (plain(job.mediaType) !== plain(mediaType)) {
    throw errors.error('request.media-type', `the body is ${mediaType}, not ${job.mediaType.slice(0, 100)}`);
  }
  // No HEVC decoder is at hand: an iPhone's picture is taken by its header.
  if (header.compression !== 'hevc') await decode(job.path);

  const found = await exifOf(job, header);
  return {
    kind: 'image',
    sha256: job.sha256,
    bytes: job.bytes,
    mediaType,
    width: header.autoOrient.width,
    height: header.autoOrient.height,
    ...found,
  };
}

/** Decodes to a thumbnail and drops it: a header says nothing about the rest. */
async function decode(path: string): Promise<void> {
  await sharp(path, { limitInputPixels: PIXELS_MAX, failOn: 'error', sequentialRead: true })
    .resize(32, 32, { fit: 'inside' })
    .raw()
    .toBuffer()
    .catch(notAnImage);
}

async function exifOf(job: Extract<InspectionJob, { kind: 'image' }>, header: Metadata) {
  if (header.exif !== undefined) return readExif(header.exif);
  if (header.format === 'tiff' && job.bytes <= TIFF_BYTES_MAX) return readExif(await readFile(job.path));
  return NO_EXIF;
}

function notAnImage(error: unknown): never {
  const why = error instanceof Error ? error.message.split('\n')[0]! : 'unreadable';
  throw errors.error('upload.not-an-image', `the body cannot be read as an image: ${why}`);
}

/** Without parameters, and with the names that mean the same made one. */
function plain(mediaType: string): string {
  const name = mediaType.split(';', 1)[0]!.trim().toLowerCase();
  return name === 'image/heif' ? 'image/heic' : name === 'image/jpg' ? 'image/jpeg' : name;
}
