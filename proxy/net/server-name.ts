/** Whether a server's certificate names whom we meant: its subject alternative names against those expected. Pure. */

/** One name as the runtime prints it; anything quoted could hold a separator, so it matches nobody. */
const NAME = /^(DNS|URI|IP Address):([!#-+\--~]+)$/;

/** Names of a printed list (`DNS:a.example, URI:spiffe://…, IP Address:10.0.0.1`). */
function* names(subjectAltName: string): Generator<readonly [kind: string, value: string]> {
  for (const each of subjectAltName.split(", ")) {
    const match = NAME.exec(each);
    if (match !== null) yield [match[1] as string, match[2] as string];
  }
}

/** True when the certificate has one of `expected`; a wildcard of the certificate stands for one whole label (RFC 9525). */
export function hasName(subjectAltName: string | undefined, expected: readonly string[]): boolean {
  if (subjectAltName === undefined || subjectAltName.length > MAX_PRINTED) return false;
  // Within quotes a separator separates nothing: such a list is not taken apart.
  if (subjectAltName.includes('"')) return false;
  for (const [kind, value] of names(subjectAltName)) {
    for (const each of expected) {
      if (kind === "DNS" ? matchesDns(value.toLowerCase(), each.toLowerCase()) : value === each) return true;
    }
  }
  return false;
}

const MAX_PRINTED = 64 * 1024;

function matchesDns(pattern: string, name: string): boolean {
  if (pattern === name) return !pattern.includes("*");
  if (!pattern.startsWith("*.") || pattern.indexOf("*", 1) >= 0) return false;
  const dot = name.indexOf(".");
  // Not `*.com`: a wildcard spans no public suffix that has a single label.
  return dot > 0 && pattern.indexOf(".", 2) > 0 && name.slice(dot) === pattern.slice(1);
}
