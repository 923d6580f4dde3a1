import { promisify } from 'node:util';
import { crc32, deflate } from 'node:zlib';
import { bitsFor, packRows } from './bitmap.ts';

const SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
const PALETTE_COLOUR = 3;

const deflated = promisify(deflate);

/**
 * A PNG with the board's own palette (PNG 3rd edition, sections 5 and 11). Written here because a board is a palette picture
 * already: an image library would take it as true colour and search for the palette again. Compression runs beside the
 * main thread.
 */
export async function encodePng(pixels: Uint8Array, width: number, palette: readonly string[]): Promise<Buffer> {
  const bits = bitsFor(palette.length);
  const rows = await packRows(pixels, width, bits);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(pixels.length / width, 4);
  header[8] = bits;
  header[9] = PALETTE_COLOUR;
  const colours = Buffer.from(palette.map((colour) => colour.slice(1)).join(''), 'hex');
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('PLTE', colours),
    chunk('IDAT', await deflated(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Length, type, data, and a CRC over type and data. */
function chunk(type: string, data: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(data.length, 0);
  head.write(type, 4, 'latin1');
  const tail = Buffer.alloc(4);
  tail.writeUInt32BE(crc32(data, crc32(head.subarray(4))), 0);
  return Buffer.concat([head, data, tail]);
}
