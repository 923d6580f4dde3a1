/** States what must hold; kept on in production. A failure is a defect of Strata, never of its input. */
export function assert(condition: unknown, invariant: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${invariant}`);
}
