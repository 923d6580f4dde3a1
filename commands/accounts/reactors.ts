import type { Reactor, ReactorCommand } from '#handling/domain.ts';
import type { AccountEvents } from './events.ts';

/** Wakes accounts when a hold or a grant of theirs falls due, so that idle ones change too. */
export const expiry: Reactor = {
  name: 'expiry',
  react: ({ type, data }) => {
    if (type !== 'HoldPlaced' && type !== 'CreditsGranted') return [];
    // What is on the log passed its event's schema when it was written.
    const { account, expiresAt } = data as AccountEvents['HoldPlaced' | 'CreditsGranted'];
    return expiresAt === null ? [] : [expireAt(account, expiresAt)];
  },
};

function expireAt(account: string, time: string): ReactorCommand {
  return { type: 'ExpireDue', data: { account }, dueAt: Date.parse(time) };
}
