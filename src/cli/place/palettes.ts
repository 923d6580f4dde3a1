/** The colours of the r/place data sets, `#rrggbb` in the order in which each numbers them. */

const list = (colours: string): readonly string[] =>
  colours
    .toLowerCase()
    .split(' ')
    .map((colour) => `#${colour}`);

/** Of the diff form: the default palette of a board. */
export const PALETTE_DIFF = list(
  '000000 FFFFFF 51E9F4 B44AC0 00A368 3690EA 2450A4 FFD635 9C6926 FF99AA 7EED56 FFA800 D4D7D9 811E9F 898D90 FF4500',
);

/** Of the CSV of 2017, whose rows name colours by number. */
export const PALETTE_2017 = list(
  'FFFFFF E4E4E4 888888 222222 FFA7D1 E50000 E59500 A06A42 E5D900 94E044 02BE01 00E5F0 0083C7 0000EA E04AFF 820080',
);

/** Of 2022 and 2023, whose rows name colours as `#RRGGBB`. */
export const PALETTE_2022 = list(
  '6D001A BE0039 FF4500 FFA800 FFD635 FFF8B8 00A368 00CC78 7EED56 00756F 009EAA 00CCC0 2450A4 3690EA 51E9F4 493AC1 ' +
    '6A5CFF 94B3FF 811E9F B44AC0 E4ABFF DE107F FF3881 FF99AA 6D482F 9C6926 FFB470 000000 515252 898D90 D4D7D9 FFFFFF',
);

/** The palette with white first: an untouched place shows colour 0, and r/place began white. */
export function whiteFirst(palette: readonly string[]): readonly string[] {
  return ['#ffffff', ...palette.filter((colour) => colour !== '#ffffff')];
}

/**
 * For each of `colours`, the index in `palette`: the same colour, or with `nearest` the one that differs least; -1 where
 * there is none.
 */
export function mapColours(colours: readonly string[], palette: readonly string[], nearest: boolean): number[] {
  return colours.map((colour) => {
    const same = palette.indexOf(colour);
    if (same >= 0 || !nearest) return same;
    const distances = palette.map((candidate) => distance(colour, candidate));
    return distances.indexOf(Math.min(...distances));
  });
}

/** Squared distance in RGB, green weighted as the eye does. */
function distance(a: string, b: string): number {
  const channels = [1, 3, 5].map(
    (at) => Number.parseInt(a.slice(at, at + 2), 16) - Number.parseInt(b.slice(at, at + 2), 16),
  );
  return 2 * channels[0]! ** 2 + 4 * channels[1]! ** 2 + 3 * channels[2]! ** 2;
}
