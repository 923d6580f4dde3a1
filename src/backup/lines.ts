/** Text of one item a line. */
export function linesText(items: Iterable<string>): string {
  return [...items]
    .sort()
    .map((item) => `${item}\n`)
    .join('');
}

export function linesOf(bytes: Buffer): string[] {
  return bytes
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '');
}
