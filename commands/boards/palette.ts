import { z } from 'zod';

/** The 16 colours of r/place in 2017. A place that was never set has the first. */
export const PLACE_2017: readonly string[] = [
  '#000000',
  '#ffffff',
  '#51e9f4',
  '#b44ac0',
  '#00a368',
  '#3690ea',
  '#2450a4',
  '#ffd635',
  '#9c6926',
  '#ff99aa',
  '#7eed56',
  '#ffa800',
  '#d4d7d9',
  '#811e9f',
  '#898d90',
  '#ff4500',
];

const colour = z
  .string()
  .regex(/^#[0-9a-f]{6}$/i, { error: 'must be a colour as in #ff4500' })
  .overwrite((value) => value.toLowerCase());

/** Colours by index; a pixel's colour is an index into it. */
export const palette = z.array(colour).min(2).max(256);
