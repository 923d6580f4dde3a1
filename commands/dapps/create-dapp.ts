import { z } from 'zod';
import { name } from '#commands/fields.ts';
import { defineCommand } from '#handling/domain.ts';
import type { DappEvent } from './dapp-command.ts';
import { dappErrors } from './errors.ts';
import { title } from './events.ts';
import { dappStream, dappView, ownerStream, ownerView } from './state.ts';

/** A dapp's address must never read as `{deploy}--{dapp}`, which is one deploy of another dapp. */
const DEPLOY_ADDRESS = /^[0-9a-f]{12,}--/;

const schema = z.strictObject({
  dapp: name.refine((dapp) => !DEPLOY_ADDRESS.test(dapp), { error: 'must not look like the address of a deploy' }),
  /** The caller's own unless told. */
  account: name.optional(),
  title: title.nullable().default(null),
});

export const createDapp = defineCommand({
  type: 'CreateDapp',
  schema,
  roles: ['admin', 'account'],
  stream: ({ dapp }) => dappStream(dapp),
  view: dappView,
  // A caller's own account is there: it has a key.
  references: ({ account }, caller) =>
    caller.role === 'admin' && account !== undefined
      ? { owner: { view: ownerView, stream: ownerStream(account) } }
      : {},
  decide: ({ data, caller }, dapp, { owner }): readonly DappEvent[] => {
    const account = data.account ?? caller.account;
    if (account === null) throw dappErrors.error('dapp.account-required', 'name the account that owns the dapp');
    const isOwn = caller.role === 'account' && caller.account === account;
    if (!isOwn && owner !== true) {
      throw dappErrors.error('dapp.unknown-account', `there is no account "${account}"`);
    }
    if (dapp?.state === 'deleted') throw dappErrors.error('dapp.deleted', `"${data.dapp}" was deleted`);
    if (dapp !== null) throw dappErrors.error('dapp.exists', `there is a dapp "${data.dapp}"`);
    return [{ type: 'DappCreated', data: { dapp: data.dapp, account, title: data.title } }];
  },
});
