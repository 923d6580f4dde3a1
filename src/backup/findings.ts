/** What is wrong, and where. */
export type Finding = {
  readonly part: 'log' | 'index' | 'keys' | 'blobs' | 'backup';
  readonly problem: string;
  /** The first position that is concerned. */
  readonly position?: number;
  readonly file?: string;
  /** Where in the file. */
  readonly byte?: number;
};

const KEPT_MAX = 100;

/** What a check found: the first of it, and how much there was. */
export class Findings {
  readonly first: Finding[] = [];
  count = 0;

  add(finding: Finding): void {
    this.count += 1;
    if (this.first.length < KEPT_MAX) this.first.push(finding);
  }
}
