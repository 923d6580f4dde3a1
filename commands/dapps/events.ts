import { z } from 'zod';
import { count, name, sha256, text } from '#commands/fields.ts';
import { defineEvent } from '#events/definition.ts';
import { DAPP_STATES } from './state.ts';

export const title = text(200);

const dappCreated = z.strictObject({ dapp: name, account: name, title: title.nullable() });
const dappDeployed = z.strictObject({ dapp: name, deploy: sha256, files: count, bytes: count });
// `previous` is what was published before, so that each event says what it replaced.
const published = z.strictObject({ dapp: name, deploy: sha256, previous: sha256.nullable() });
// The state of the position `to`.
const dappReverted = z.strictObject({
  dapp: name,
  to: z.string(),
  state: z.enum(DAPP_STATES),
  published: sha256.nullable(),
  previous: sha256.nullable(),
});
const dappDeleted = z.strictObject({ dapp: name });

export type DappEvents = {
  readonly DappCreated: z.infer<typeof dappCreated>;
  readonly DappDeployed: z.infer<typeof dappDeployed>;
  readonly DeployPublished: z.infer<typeof published>;
  readonly DappRolledBack: z.infer<typeof published>;
  readonly DappReverted: z.infer<typeof dappReverted>;
  readonly DappDeleted: z.infer<typeof dappDeleted>;
};

export const dappEvents = [
  defineEvent({ type: 'DappCreated', schema: dappCreated }),
  defineEvent({ type: 'DappDeployed', schema: dappDeployed }),
  defineEvent({ type: 'DeployPublished', schema: published }),
  defineEvent({ type: 'DappRolledBack', schema: published }),
  defineEvent({ type: 'DappReverted', schema: dappReverted }),
  defineEvent({ type: 'DappDeleted', schema: dappDeleted }),
];
