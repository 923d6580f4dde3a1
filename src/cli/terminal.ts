import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Where a command writes, and what it knows about its surroundings: handed in, so that tests can read along. */
export type Terminal = {
  readonly env: { readonly [name: string]: string | undefined };
  /** True when a person reads standard output. */
  readonly outIsTty: boolean;
  /** True when a person reads standard error, where progress goes. */
  readonly errIsTty: boolean;
  readonly colours: boolean;
  out(text: string | Uint8Array): void;
  err(text: string): void;
};

/** Colours `text` when the terminal shows colours. */
export function paint(terminal: Terminal, style: Style, text: string): string {
  return terminal.colours ? styleText(style, text, { validateStream: false }) : text;
}

/** Controls that begin with a byte above ASCII, and marks that turn the direction of text: titles of others must not steer a terminal. */
const STEERING = /[\u0080-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** A value as one line of JSON that can be shown to a person. */
export function printable(value: unknown): string {
  const escaped = (mark: string) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value).replace(STEERING, escaped);
}

/** The terminal of this process. `NO_COLOR` with any value turns colours off (no-color.org). */
export function processTerminal(): Terminal {
  const { stdout, stderr, env } = process;
  return {
    env,
    outIsTty: stdout.isTTY === true,
    errIsTty: stderr.isTTY === true,
    colours: stdout.isTTY === true && (env.NO_COLOR ?? '') === '',
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
  };
}
