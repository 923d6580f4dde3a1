import { paint, type Terminal } from '../terminal.ts';

/** Tells the demo: numbered steps, what each did, and what arrived live meanwhile. */
export class Narrator {
  readonly terminal: Terminal;
  #step = 0;

  constructor(terminal: Terminal) {
    this.terminal = terminal;
  }

  step(title: string): void {
    this.#step += 1;
    this.terminal.out(`\n${paint(this.terminal, 'bold', `${this.#step}. ${title}`)}\n`);
  }

  line(text: string): void {
    this.terminal.out(`   ${text}\n`);
  }

  live(topic: string, text: string): void {
    this.terminal.out(`   ${paint(this.terminal, 'magenta', 'live')} ${paint(this.terminal, 'dim', topic)} ${text}\n`);
  }

  /** One thing before and after, where they differ. */
  change(name: string, before: unknown, after: unknown): void {
    const [was, is] = [before, after].map((value) => (value === undefined ? 'not there' : JSON.stringify(value)));
    this.line(`${name}: ${paint(this.terminal, 'red', was!)} -> ${paint(this.terminal, 'green', is!)}`);
  }
}
