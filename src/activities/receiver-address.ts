import { lookup } from 'node:dns/promises';
import { BlockList } from 'node:net';

/**
 * Where no receiver of notifications is: a cloud's metadata service, which holds credentials, answers at link-local
 * addresses (RFC 3927, RFC 4291) and at the two single ones below. Private networks and this machine are open: that is
 * where a company's own receivers are.
 */
const CLOSED = new BlockList();
CLOSED.addSubnet('0.0.0.0', 8);
CLOSED.addSubnet('169.254.0.0', 16);
CLOSED.addSubnet('224.0.0.0', 3); // multicast, reserved, broadcast
CLOSED.addAddress('100.100.100.200'); // Alibaba Cloud
CLOSED.addAddress('::', 'ipv6');
CLOSED.addSubnet('fe80::', 10, 'ipv6');
CLOSED.addSubnet('ff00::', 8, 'ipv6');
CLOSED.addAddress('fd00:ec2::254', 'ipv6'); // AWS

/** Addresses of a host, as the system's resolver gives them. */
export type Lookup = (host: string) => Promise<readonly { address: string; family: number }[]>;

const systemLookup: Lookup = (host) => lookup(host, { all: true });

/**
 * The address of a URL's host that nothing may be sent to, whichever way it is written; `null`: all are open. Throws
 * what the resolver throws. A name that is made to point elsewhere between this look and the request gets past it: what
 * is sent then is a POST without credentials of which no reply is read.
 */
export async function closedAddress(url: URL, look: Lookup = systemLookup): Promise<string | null> {
  const addresses = await look(url.hostname.replace(/^\[|\]$/g, ''));
  const closed = addresses.find(({ address, family }) =>
    CLOSED.check(address, family === 6 ? 'ipv6' : 'ipv4'),
  );
  return closed?.address ?? null;
}
