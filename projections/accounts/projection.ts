import type { AccountEvents } from '#commands/accounts/events.ts';
import { collection, defineProjection, type FoldContext } from '#history/projection.ts';
import { defineFolds } from '#projections/folds.ts';
import { BALANCES, type Balance, changeBalance } from './balance.ts';
import { KEYS, type KeyDocument } from './principal.ts';
import { addEntry, ENTRIES } from './statement.ts';

/** Balances, statements and keys. */
export const accountsProjection = defineProjection({
  name: 'accounts',
  version: 1,
  structures: [collection(BALANCES, { counters: { all: () => 'all' } }), collection(ENTRIES), collection(KEYS)],
  folds: defineFolds<AccountEvents>({
    AccountOpened: ({ account, contact }, _event, context) => {
      const opened: Balance = { account, available: 0, contact, expired: 0, granted: 0, held: 0, spent: 0 };
      context.collection(BALANCES).put(account, opened);
    },
    CreditsGranted: ({ account, amount, grant }, event, context) => {
      changeBalance(context, account, { granted: amount, available: amount });
      addEntry(context, account, event, { kind: 'grant', amount, reference: grant });
    },
    CreditsDebited: ({ account, amount, operation, reference }, event, context) => {
      changeBalance(context, account, { available: -amount, spent: amount });
      addEntry(context, account, event, { kind: 'debit', amount, operation, reference });
    },
    GrantExpired: ({ account, amount, grant }, event, context) => {
      // All of it may be held: then nothing changes until the hold is closed.
      if (amount === 0) return;
      changeBalance(context, account, { available: -amount, expired: amount });
      addEntry(context, account, event, { kind: 'expire', amount, reference: grant });
    },
    HoldPlaced: ({ account, amount, hold }, event, context) => {
      changeBalance(context, account, { available: -amount, held: amount });
      addEntry(context, account, event, { kind: 'hold', amount, reference: hold });
    },
    HoldSettled: ({ account, amount, hold, released, expired }, event, context) => {
      closeHold(context, account, { amount, released, expired });
      addEntry(context, account, event, { kind: 'settle', amount, reference: hold });
    },
    HoldVoided: ({ account, hold, released, expired }, event, context) => {
      closeHold(context, account, { amount: 0, released, expired });
      addEntry(context, account, event, { kind: 'void', amount: released + expired, reference: hold });
    },
    HoldExpired: ({ account, hold, released, expired }, event, context) => {
      closeHold(context, account, { amount: 0, released, expired });
      addEntry(context, account, event, { kind: 'lapse', amount: released + expired, reference: hold });
    },
    KeyIssued: ({ account, expiresAt, hash, key, role }, _event, context) => {
      const issued: KeyDocument = { account, expiresAt, key, revoked: false, role };
      context.collection(KEYS).put(hash, issued);
    },
    KeyRevoked: ({ hash }, _event, context) => {
      const keys = context.collection(KEYS);
      keys.put(hash, { ...keys.get(hash), revoked: true });
    },
    AccountErased: ({ account, keys }, _event, context) => {
      for (const hash of keys) context.collection(KEYS).erase(hash);
      context.collection(BALANCES).erase(account);
    },
  }),
});

type Closing = { readonly amount: number; readonly released: number; readonly expired: number };

function closeHold(context: FoldContext, account: string, { amount, released, expired }: Closing): void {
  const held = -(amount + released + expired);
  changeBalance(context, account, { held, spent: amount, available: released, expired });
}
