/**
 * The cluster's addresses, all within 198.18.0.0/15, which RFC 2544 sets aside for tests of network devices:
 * pods 198.18.N.0/24 for node N, Services 198.19.0.0/16, and 198.18.255.0/24 for the links between nodes.
 * Node 1 is the hub: the host and every other node have one link, to it. So nothing of the host's own forwarding
 * changes. A node's address is its end of its link.
 */
export const podRange = "198.18.0.0/16";
export const serviceRange = "198.19.0.0/16";
/** The Service `kubernetes` in `default`: the first address of the range. */
export const apiServiceAddress = "198.19.0.1";
export const dnsAddress = "198.19.0.10";
export const apiPort = 6443;
/** As many as the links' /24 has /30s, less what stays free for people. */
export const maxNodes = 50;

/** What one node is called and where it is. */
export interface NodeAddress {
  readonly number: number;
  readonly name: string;
  /** The node's own address. */
  readonly address: string;
  /** The other end of its link: the host for node 1, node 1 for the rest. */
  readonly gateway: string;
  /** The name of the link's other end. */
  readonly link: string;
  readonly pods: string;
  readonly region: string;
  readonly zone: string;
}

/** The addresses of node `number`, counted from 1. */
export function nodeAddress(number: number): NodeAddress {
  if (!Number.isInteger(number) || number < 1 || number > maxNodes) {
    throw new RangeError(`node ${number}: expected a whole number from 1 to ${maxNodes}`);
  }
  const first = (number - 1) * 4;
  return {
    number,
    name: `node-${number}`,
    address: `198.18.255.${first + 2}`,
    gateway: `198.18.255.${first + 1}`,
    link: `weft-${number}`,
    pods: `198.18.${number}.0/24`,
    region: "local",
    zone: `zone-${number}`,
  };
}
