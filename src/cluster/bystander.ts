import { randomBytes } from 'node:crypto';
import type { Membership } from './membership.ts';

const NOTHING: ReadonlySet<number> = new Set();

/** The membership of a process that owns nothing: it follows the log, and forwards what is to be written. */
export function bystander(): Membership {
  return {
    member: randomBytes(16).toString('hex'),
    assigned: () => NOTHING,
    onChange: () => {},
    leaseUntilMs: () => Number.NEGATIVE_INFINITY,
    setReady: () => {},
    close: async () => {},
  };
}
