/** The parts of a principal `TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`; "" for a plaintext peer's. */

export function trustDomainOf(principal: string): string {
  const slash = principal.indexOf("/");
  return slash < 0 ? "" : principal.slice(0, slash);
}

export function namespaceOf(principal: string): string {
  return segmentAfter(principal, "/ns/");
}

/** `NAMESPACE/ACCOUNT`. */
export function serviceAccountOf(principal: string): string {
  const account = segmentAfter(principal, "/sa/");
  return account === "" ? "" : `${namespaceOf(principal)}/${account}`;
}

function segmentAfter(principal: string, marker: string): string {
  const start = principal.indexOf(marker);
  if (start < 0) return "";
  const from = start + marker.length;
  const end = principal.indexOf("/", from);
  return end < 0 ? principal.slice(from) : principal.slice(from, end);
}
