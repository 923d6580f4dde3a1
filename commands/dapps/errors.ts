import { errorTable } from '#src/errors.ts';

export const dappErrors = errorTable({
  'dapp.unknown': { status: 404, title: 'There is no such dapp' },
  'dapp.unknown-account': { status: 404, title: 'There is no such account to own the dapp' },
  'dapp.unknown-deploy': { status: 404, title: 'The dapp has no such deploy' },
  'dapp.exists': { status: 409, title: 'The name is taken' },
  'dapp.deleted': { status: 409, title: 'The dapp was deleted' },
  'dapp.too-many-deploys': { status: 409, title: 'The dapp has as many deploys as it may have' },
  'dapp.account-required': { status: 422, title: 'A dapp belongs to an account' },
});
