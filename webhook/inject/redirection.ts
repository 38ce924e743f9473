import { isIPv4, isIPv6 } from "node:net";
import type { Report } from "../report.ts";
import { annotationField, annotations } from "./annotations.ts";

/** What is redirected to the proxy and what is left alone. `"all"` is Istio's `*`. */
export interface Redirection {
  readonly includeOutboundRanges: "all" | readonly string[];
  readonly excludeOutboundRanges: readonly string[];
  readonly includeOutboundPorts: readonly number[];
  readonly excludeOutboundPorts: readonly number[];
  readonly includeInboundPorts: "all" | readonly number[];
  readonly excludeInboundPorts: readonly number[];
  readonly excludeInterfaces: readonly string[];
}

/** Redirect everything. */
export const redirectAll: Redirection = {
  includeOutboundRanges: "all",
  excludeOutboundRanges: [],
  includeOutboundPorts: [],
  excludeOutboundPorts: [],
  includeInboundPorts: "all",
  excludeInboundPorts: [],
  excludeInterfaces: [],
};

/** The kernel's IFNAMSIZ less its NUL; nft's own quoting needs no escape for these. */
const interfaceName = /^[A-Za-z0-9._-]{1,15}$/;
/** The whole ruleset is one argument, which Linux bounds at 128 KiB. */
const longestList = 500;

/** Reads the `traffic.sidecar.istio.io/…` annotations. */
export function redirectionOf(given: Readonly<Record<string, string>>, report: Report): Redirection {
  if (!Object.keys(given).some((name) => name.startsWith("traffic.sidecar.istio.io/"))) return redirectAll;
  const list = <T>(name: string, read: (item: string) => T | undefined, expected: string): T[] =>
    readList(given[name], name, read, expected, report);
  const orAll = <T>(name: string, read: (item: string) => T | undefined, expected: string): "all" | T[] => {
    const value = given[name]?.trim();
    return value === undefined || value === "*" ? "all" : list(name, read, expected);
  };
  return {
    includeOutboundRanges: orAll(annotations.includeOutboundRanges, range, `${ranges}, or "*"`),
    excludeOutboundRanges: list(annotations.excludeOutboundRanges, range, ranges),
    includeOutboundPorts: list(annotations.includeOutboundPorts, port, portNumbers),
    excludeOutboundPorts: list(annotations.excludeOutboundPorts, port, portNumbers),
    includeInboundPorts: orAll(annotations.includeInboundPorts, port, `${portNumbers}, or "*"`),
    excludeInboundPorts: list(annotations.excludeInboundPorts, port, portNumbers),
    excludeInterfaces: list(
      annotations.excludeInterfaces,
      (item) => (interfaceName.test(item) ? item : undefined),
      "must be a comma-separated list of interface names, at most 15 characters each",
    ),
  };
}

const ranges = "must be a comma-separated list of CIDRs, such as 10.0.0.0/8,fd00::/8";
const portNumbers = "must be a comma-separated list of ports from 1 to 65535";

function readList<T>(
  value: string | undefined,
  name: string,
  read: (item: string) => T | undefined,
  expected: string,
  report: Report,
): T[] {
  if (value === undefined || value.trim() === "") return [];
  const items = value.split(",").map((item) => item.trim());
  if (items.length > longestList) {
    report.invalid(annotationField(name), `${items.length} items`, `must have at most ${longestList}`);
    return [];
  }
  const list: T[] = [];
  for (const item of items) {
    const one = read(item);
    if (one === undefined) report.invalid(annotationField(name), item, expected);
    else if (!list.includes(one)) list.push(one);
  }
  return list;
}

function port(item: string): number | undefined {
  const number = /^[0-9]{1,5}$/.test(item) ? Number(item) : 0;
  return number >= 1 && number <= 65_535 ? number : undefined;
}

/** A CIDR, or an address, which stands for itself, as nft reads it. */
function range(item: string): string | undefined {
  const [address = "", bits, ...more] = item.split("/");
  if (more.length > 0 || address.includes("%")) return undefined;
  const widest = isIPv4(address) ? 32 : isIPv6(address) ? 128 : 0;
  if (widest === 0) return undefined;
  const plain = widest === 32 ? address : plainIpv6(address);
  if (bits === undefined) return plain;
  return /^(0|[1-9][0-9]{0,2})$/.test(bits) && Number(bits) <= widest ? `${plain}/${bits}` : undefined;
}

/** nft's grammar has no IPv4 inside of IPv6, as in `::ffff:192.0.2.1`; a URL's host is always in hexadecimal. */
function plainIpv6(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}
