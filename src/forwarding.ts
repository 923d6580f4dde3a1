import { MemberChannel } from '#cluster/member-channel.ts';
import { SignatureCheck } from '#cluster/signature.ts';
import type { LocalBus } from '#handling/bus.ts';
import type { Catalogue } from '#handling/catalogue.ts';
import { ForwardingBus } from '#handling/forwarding/forwarding-bus.ts';
import type { ClusterParts } from '#http/cluster-routes.ts';
import type { LocalLog } from '#log/local-log.ts';
import { assert } from './assert.ts';
import type { Config } from './config.ts';
import type { StrataError } from './errors.ts';

/** Where members take forwarded commands. */
const PATH = '/v1/cluster/commands';

type ForwardingParts = {
  readonly config: Config;
  readonly log: LocalLog;
  readonly local: LocalBus;
  readonly catalogue: Catalogue;
  readonly address: string;
  readonly fault: () => StrataError | null;
  readonly report: (message: string, fields: { readonly [name: string]: string }) => void;
};

/** The bus of a member of a shared log, and what other members reach it by. */
export function openForwarding(parts: ForwardingParts): {
  readonly bus: ForwardingBus;
  readonly cluster: ClusterParts;
} {
  const { secret } = parts.config.cluster;
  assert(secret !== null, 'members of a shared log share a secret');
  const clock = Date.now;
  const openChannel = (address: string) => new MemberChannel({ address, path: PATH, secret, clock });
  const bus = new ForwardingBus({ ...parts, openChannel });
  const signatures = new SignatureCheck(secret, new URL(PATH, parts.address).href, clock);
  const cluster = { signatures, receive: (text: string) => bus.receive(text) };
  return { bus, cluster };
}
