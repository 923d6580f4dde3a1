/** Of what is wrong in one check, so much is told; the rest is counted. */
export const FINDINGS_TOLD_MAX = 10;

/** What one check found. */
export type Check = {
  /** What should hold: `credits conserve`. */
  readonly name: string;
  readonly ok: boolean;
  /** What was looked at. */
  readonly detail: string;
  /** The first of what is wrong. */
  readonly findings: readonly string[];
  /** How much is wrong, told or not. */
  readonly found: number;
};

/** What an audit found. Positions are tokens. */
export type AuditReport = {
  readonly ok: boolean;
  /** `null` where the log could not be opened. */
  readonly log: { readonly id: string; readonly position: string } | null;
  readonly checks: readonly Check[];
  readonly seconds: number;
};

export type AuditProgress = {
  readonly phase: 'events' | 'blobs' | 'projections' | 'tree';
  readonly done: number;
  readonly total: number | null;
};

/** Collects what a check finds, up to what is told. */
export class Findings {
  readonly #told: string[] = [];
  #found = 0;

  add(finding: string): void {
    this.#found += 1;
    if (this.#told.length < FINDINGS_TOLD_MAX) this.#told.push(finding);
  }

  check(name: string, detail: string): Check {
    return { name, ok: this.#found === 0, detail, findings: this.#told, found: this.#found };
  }
}
