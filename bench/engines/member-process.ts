import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Load } from './placements.ts';

/** `member.ts`, an instance in a process of its own. */
export class MemberProcess {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly ended: Promise<unknown>;

  constructor(url: string, partitions: number, { inFlight, seconds }: Load) {
    const program = new URL('./member.ts', import.meta.url).pathname;
    const args = [...process.execArgv, program, url, partitions, inFlight, seconds].map(String);
    this.#child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
    this.ended = new Promise((resolve) => this.#child.once('exit', resolve));
  }

  /** The next line that begins so. */
  async line(start: string): Promise<string> {
    for (let next = await this.#lines.next(); !next.done; next = await this.#lines.next()) {
      if (next.value.startsWith(start)) return next.value;
    }
    throw new Error('an instance ended early');
  }

  end(): void {
    this.#child.kill();
  }

  begin(): void {
    this.#child.stdin!.write('\n');
  }
}
