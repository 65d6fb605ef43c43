import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import { BlockList, isIPv6, type LookupFunction } from 'node:net';

/**
 * Addresses that no configured name may lead to: link-local ones (a cloud's metadata service among them), multicast,
 * unspecified. Private ones are allowed, because endpoints are the installation's own choice and often inside its cluster.
 */
const NEVER = new BlockList();
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 3],
] as const)
  NEVER.addSubnet(net, bits, 'ipv4');
for (const [net, bits] of [
  ['::', 128],
  ['fe80::', 10],
  ['ff00::', 8],
  ['64:ff9b::', 96],
  ['2002::', 16],
] as const)
  NEVER.addSubnet(net, bits, 'ipv6');

/** Addresses of the metadata services of clouds that are not link-local. */
NEVER.addAddress('fd00:ec2::254', 'ipv6');

/** Whether a connection to this address is out of the question. */
export function isForbidden(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return NEVER.check(mapped, 'ipv4');
  return NEVER.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

/** Looks a name up and gives back only allowed addresses, so that the address that was checked is the one that is dialled. */
export const guardedLookup: LookupFunction = (hostname, options, callback) => {
  systemLookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    if (error !== null) {
      callback(error, '', 4);
      return;
    }
    const allowed = addresses.filter(({ address }) => !isForbidden(address));
    const [first] = allowed;
    if (first === undefined) callback(new Error('its address is not allowed'), '', 4);
    else if (options.all === true) callback(null, allowed);
    else callback(null, first.address, first.family);
  });
};
