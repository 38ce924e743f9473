import { BlockList, isIP } from "node:net";

/**
 * Addresses that keys are not fetched from: whoever may write a RequestAuthentication must not make control ask its own loopback,
 * or the service at a link-local address where clouds hand out a node's credentials.
 */
const local = new BlockList();
local.addSubnet("0.0.0.0", 8, "ipv4");
local.addSubnet("127.0.0.0", 8, "ipv4");
local.addSubnet("169.254.0.0", 16, "ipv4");
// Alibaba's metadata.
local.addAddress("100.100.100.200", "ipv4");
local.addAddress("::", "ipv6");
local.addAddress("::1", "ipv6");
local.addSubnet("fe80::", 10, "ipv6");
// AWS' metadata, and Google's.
local.addAddress("fd00:ec2::254", "ipv6");
local.addAddress("fd20:ce::254", "ipv6");

/** IPv4 within IPv6: mapped, translated by NAT64 (RFC 6052), 6to4 (RFC 3056). */
const embedded = new BlockList();
embedded.addSubnet("::ffff:0:0", 96, "ipv6");
embedded.addSubnet("64:ff9b::", 96, "ipv6");
embedded.addSubnet("2002::", 16, "ipv6");
embedded.addSubnet("::", 96, "ipv6");

/** Whether keys are not to be fetched from an IP address; what is none is refused as well. */
export function isLocalAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 0) return true;
  if (family === 4) return local.check(address, "ipv4");
  const bare = address.replace(/%.*$/, "");
  return local.check(bare, "ipv6") || embedded.check(bare, "ipv6");
}
