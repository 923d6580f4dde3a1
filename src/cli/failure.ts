/** A command that cannot go on, said in words for the person who ran it: exit code 1, or 2 when it was called wrongly. */
export class CliFailure extends Error {
  override readonly name = 'CliFailure';
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The command line is wrong. */
export function usage(message: string): CliFailure {
  return new CliFailure(message, 2);
}
