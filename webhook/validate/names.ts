import { isIPv4, isIPv6 } from "node:net";
import type { Field } from "./field.ts";

/** RFC 1123 label; Istio, unlike Kubernetes, takes upper case. */
const label = /^[A-Za-z0-9](?:[-A-Za-z0-9]{0,61}[A-Za-z0-9])?$/;
/** The first label of a wildcard domain: `*`, `*foo` or `*-foo`. */
const wildcardLabel = /^\*(?:-?[A-Za-z0-9](?:[-A-Za-z0-9]{0,60}[A-Za-z0-9])?)?$/;
const longestDomain = 255;

export function isDnsLabel(text: string): boolean {
  return label.test(text);
}

/** A domain name, a trailing dot allowed; its last label must not be a number, as it would pass for an address. */
export function isFqdn(text: string): boolean {
  return isDomain(text, false);
}

/** A domain name whose first label may be a wildcard. A bare `*` is one. */
export function isWildcardDomain(text: string): boolean {
  return isDomain(text, true);
}

function isDomain(text: string, wildcard: boolean): boolean {
  if (text === "" || text.length > longestDomain) return false;
  const labels = (text.endsWith(".") ? text.slice(0, -1) : text).split(".");
  const last = labels[labels.length - 1] ?? "";
  if (/^[0-9]+$/.test(last)) return false;
  return labels.every(
    (part, index) => label.test(part) || (wildcard && index === 0 && wildcardLabel.test(part)),
  );
}

export function isIp(text: string): boolean {
  return isIPv4(text) || isIPv6(text);
}

/** An address or a CIDR. A zone is for an address alone (Go's `netip`, which Istio reads them with). */
export function isIpOrCidr(text: string): boolean {
  const slash = text.indexOf("/");
  if (slash === -1) return isIp(text);
  const address = text.slice(0, slash);
  const bits = text.slice(slash + 1);
  if (address.includes("%") || !/^(?:0|[1-9][0-9]{0,2})$/.test(bits)) return false;
  return (isIPv4(address) && Number(bits) <= 32) || (isIPv6(address) && Number(bits) <= 128);
}

/** Whether every name that `inner` matches is also matched by `outer`; either may begin with `*`. */
export function covers(outer: string, inner: string): boolean {
  const [wide, narrow] = [outer.toLowerCase(), inner.toLowerCase()];
  if (!wide.startsWith("*")) return wide === narrow;
  const suffix = wide.slice(1);
  return narrow.startsWith("*") ? narrow.slice(1).endsWith(suffix) : narrow.endsWith(suffix);
}

export function checkDnsLabel(field: Field): void {
  const text = field.text();
  if (text !== undefined && !isDnsLabel(text)) {
    field.invalid("must be a DNS label: letters, digits and '-', at most 63, alphanumeric at both ends");
  }
}

/** A service's port, a container's port: 1 to 65535. */
export function checkPort(field: Field): number | undefined {
  return field.integer(1, 65_535);
}

/** A `{number}` object. */
export function checkPortSelector(field: Field): void {
  if (!field.present || !field.object(["number"])) return;
  if (field.at("number").present) checkPort(field.at("number"));
  else field.at("number").required("the port's number");
}

export function checkSubnets(field: Field): void {
  for (const { text, field: item } of field.texts()) {
    if (!isIpOrCidr(text)) item.invalid("must be an IP address or a CIDR, such as 198.18.0.0/15");
  }
}
