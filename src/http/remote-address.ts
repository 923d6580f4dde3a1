import { isIPv4, isIPv6 } from 'node:net';

/** Groups of an IPv6 address that name a network: whoever has one has all addresses in it. */
const NETWORK_GROUPS = 4;
const GROUPS = 8;

/**
 * Who sent a request: an IPv4 address, or the network of an IPv6 one. Behind proxies it is what the outermost of them saw,
 * which stands that many places from the end of `X-Forwarded-For`; what a client wrote there itself stands before it.
 * @param socketAddress as the library tells it
 * @param proxies how many proxies stand in front
 */
export function remoteAddress(socketAddress: string, forwardedFor: string, proxies: number): string {
  const told = proxies === 0 || forwardedFor === '' ? undefined : forwardedFor.split(',').at(-proxies)?.trim();
  return network(told === undefined || told === '' ? socketAddress : told);
}

function network(address: string): string {
  if (isIPv4(address) || !isIPv6(address)) return address.slice(0, 64);
  const groups = groupsOf(address);
  const last = groups.at(-1)!;
  if (last.includes('.')) return last;
  // IPv4 within IPv6 (RFC 4291, 2.5.5.2).
  if (groups.slice(0, 5).every((group) => group === '0') && groups[5] === 'ffff') {
    return groups
      .slice(6)
      .flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255])
      .join('.');
  }
  return `${groups.slice(0, NETWORK_GROUPS).join(':')}::`;
}

/** All groups, without leading zeros; `::1.2.3.4` ends with a dotted one. */
function groupsOf(address: string): readonly string[] {
  const [bare = ''] = address.toLowerCase().split('%');
  const [before = [], after] = bare
    .split('::')
    .map((half) => half.split(':').filter((group) => group !== ''))
    .map((half) => half.map((group) => (group.includes('.') ? group : group.replace(/^0+(?=.)/, ''))));
  if (after === undefined) return before;
  const missing = GROUPS - before.length - after.length;
  return [...before, ...Array.from({ length: Math.max(0, missing) }, () => '0'), ...after];
}
