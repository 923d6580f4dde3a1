import type { Terminal } from './terminal.ts';

const REDRAW_MS = 100;
const LINE_MS = 5_000;

/** A line that tells how far something is: redrawn in place for a person, now and then a new line for a log. */
export class Progress {
  readonly #terminal: Terminal;
  readonly #clock: () => number;
  #drawnAtMs: number;
  #drawn = '';

  constructor(terminal: Terminal, clock: () => number = () => performance.now()) {
    this.#terminal = terminal;
    this.#clock = clock;
    this.#drawnAtMs = clock();
  }

  /** Shows the line if the last one is old enough; `line` is only called then. */
  update(line: () => string): void {
    const now = this.#clock();
    if (now - this.#drawnAtMs < (this.#terminal.errIsTty ? REDRAW_MS : LINE_MS)) return;
    this.#drawnAtMs = now;
    this.#drawn = line();
    this.#terminal.err(this.#terminal.errIsTty ? `\r\x1b[2K${this.#drawn}` : `${this.#drawn}\n`);
  }

  /** Takes the redrawn line away, so that what is printed next stands alone. */
  clear(): void {
    if (this.#terminal.errIsTty && this.#drawn !== '') this.#terminal.err('\r\x1b[2K');
    this.#drawn = '';
  }
}

const NUMBERS = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** `584,609`. */
export function formatCount(count: number): string {
  return NUMBERS.format(count);
}

/** `2.5s`, `12s`, `3m04s`, `1h20m`. */
export function formatDuration(seconds: number): string {
  if (seconds < 9.95) return `${Math.max(0, seconds).toFixed(1)}s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${String(whole % 60).padStart(2, '0')}s`;
  return `${Math.floor(whole / 3600)}h${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')}m`;
}

/** `340 B`, `12.5 kB`, `3.1 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
