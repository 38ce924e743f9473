/** Key sets (RFC 7517) as proxies get them. */

const most = 64;

/** What verifying takes: no certificates, and none of the members that make a key a private one. */
const members = ["kty", "kid", "alg", "use", "crv", "x", "y", "n", "e", "k"];

/**
 * The public part of a document's keys, in a form that does not change with the order of members, so that an issuer that writes
 * the same keys another way changes nothing. "" for what is no key set: tokens are then refused.
 */
export function publicKeySet(document: string | undefined): string {
  const list = keysIn(document);
  if (list === undefined) return "";
  const keys = list.slice(0, most).flatMap((key) => {
    if (typeof key !== "object" || key === null || Array.isArray(key)) return [];
    const given = key as Readonly<Record<string, unknown>>;
    const kept = members.flatMap((name) => (typeof given[name] === "string" ? [[name, given[name]]] : []));
    return kept.length > 0 ? [Object.fromEntries(kept)] : [];
  });
  return keys.length === 0 ? "" : JSON.stringify({ keys });
}

function keysIn(document: string | undefined): readonly unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(document ?? "");
    const keys = typeof value === "object" && value !== null && "keys" in value ? value.keys : undefined;
    return Array.isArray(keys) ? keys : undefined;
  } catch {
    return undefined;
  }
}
