import type { CommandRoute } from '#handling/routes.ts';

const ACCOUNT = '/v1/accounts/{account}';

export const accountRoutes: readonly CommandRoute[] = [
  { method: 'POST', path: '/v1/accounts', command: 'OpenAccount', summary: 'Open an account', creates: true },
  {
    method: 'POST',
    path: `${ACCOUNT}/grants`,
    command: 'GrantCredits',
    summary: 'Grant credits',
    creates: true,
    settles: true,
    answer: ({ made }) => ({ grant: made.grant! }),
  },
  { method: 'POST', path: `${ACCOUNT}/debits`, command: 'DebitCredits', summary: 'Spend credits', creates: true },
  {
    method: 'POST',
    path: `${ACCOUNT}/holds`,
    command: 'PlaceHold',
    summary: 'Hold credits for a while',
    creates: true,
  },
  {
    method: 'POST',
    path: `${ACCOUNT}/holds/{hold}/settle`,
    command: 'SettleHold',
    summary: 'Spend a hold in part or whole; the rest is released',
  },
  {
    method: 'DELETE',
    path: `${ACCOUNT}/holds/{hold}`,
    command: 'VoidHold',
    summary: 'Release a hold',
    bodyless: true,
  },
  {
    method: 'POST',
    path: `${ACCOUNT}/keys`,
    command: 'IssueKey',
    summary: 'Issue a key; its secret is shown this once',
    creates: true,
    settles: true,
    answer: ({ made }) => ({ key: made.key!, secret: made.secret! }),
  },
  {
    method: 'DELETE',
    path: `${ACCOUNT}/keys/{key}`,
    command: 'RevokeKey',
    summary: 'Revoke a key',
    bodyless: true,
    settles: true,
  },
  {
    method: 'POST',
    path: `${ACCOUNT}/erase`,
    command: 'EraseAccount',
    summary:
      'Remove an account for good, with its keys, its photos and its albums; what it has left of credits expires',
    bodyless: true,
    settles: true,
  },
];
