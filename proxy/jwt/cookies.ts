/** The pairs of a Cookie header (RFC 6265 section 4.2.1). */

/** The values of the cookies of one name, in order, without the quotes around them. */
export function cookieValues(header: string, name: string): string[] {
  return pairs(header)
    .filter((pair) => nameOf(pair) === name)
    .map((pair) => pair.slice(pair.indexOf("=") + 1).replace(/^"(.*)"$/, "$1"));
}

/** The header without the cookies of these names; "" when none is left. */
export function withoutCookies(header: string, names: ReadonlySet<string>): string {
  return pairs(header)
    .filter((pair) => !names.has(nameOf(pair)))
    .join("; ");
}

/** Several Cookie headers arrive joined with ",", which no cookie's value may contain. */
function pairs(header: string): string[] {
  return header
    .split(/[;,]/)
    .map((pair) => pair.trim())
    .filter((pair) => pair !== "");
}

function nameOf(pair: string): string {
  const equals = pair.indexOf("=");
  return (equals < 0 ? pair : pair.slice(0, equals)).trim();
}
