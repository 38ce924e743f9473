/** The value syntaxes of AuthorizationPolicy: exact, `prefix*`, `*suffix`, `*`; path templates; ports; address blocks. */
import { parseBlock, parseIp } from "../address/cidr.ts";

export type ValueMatcher = (value: string) => boolean;

/** Any of the values; "" matches no `*`: an absent identity or header is not present. */
export function anyValue(values: readonly string[]): ValueMatcher {
  return anyOf(values.map(one));
}

/** As `anyValue`, without regard to case: hosts. */
export function anyValueIgnoringCase(values: readonly string[]): ValueMatcher {
  const matches = anyValue(values.map((value) => value.toLowerCase()));
  return (value) => matches(value.toLowerCase());
}

/** As `anyValue`, and `*` may stand in the middle as well: trust domains, which hold no `/`. */
export function anyGlob(values: readonly string[]): ValueMatcher {
  return anyOf(
    values.map((value) => {
      const star = value.indexOf("*");
      if (star <= 0 || star === value.length - 1) return one(value);
      const [prefix, suffix] = [value.slice(0, star), value.slice(star + 1)];
      const least = prefix.length + suffix.length;
      return (text) => text.length >= least && text.startsWith(prefix) && text.endsWith(suffix);
    }),
  );
}

/** Paths: as `anyValue`, and templates whose `{*}` is one segment and whose last `{**}` is any number of them. */
export function anyPath(paths: readonly string[]): ValueMatcher {
  return anyOf(paths.map((path) => (path.includes("{*") ? template(path) : one(path))));
}

/** Addresses in any of the blocks. A block that cannot be read matches nothing; admission refuses it. */
export function anyBlock(texts: readonly string[]): ValueMatcher {
  const blocks = texts.flatMap((text) => parseBlock(text) ?? []);
  return (address) => {
    const bytes = parseIp(address);
    return bytes !== undefined && blocks.some((block) => block(bytes));
  };
}

function anyOf(matchers: readonly ValueMatcher[]): ValueMatcher {
  const [only] = matchers;
  if (matchers.length === 1 && only !== undefined) return only;
  return (value) => {
    for (const matcher of matchers) if (matcher(value)) return true;
    return false;
  };
}

function one(pattern: string): ValueMatcher {
  if (pattern === "*") return (value) => value !== "";
  if (pattern.startsWith("*")) {
    const suffix = pattern.slice(1);
    return (value) => value.endsWith(suffix);
  }
  if (pattern.endsWith("*")) {
    const prefix = pattern.slice(0, -1);
    return (value) => value.startsWith(prefix);
  }
  return (value) => value === pattern;
}

function template(path: string): ValueMatcher {
  const pattern = path.split("/");
  return (value) => {
    const segments = value.split("/");
    for (const [i, want] of pattern.entries()) {
      const segment = segments[i];
      if (want === "{**}") return segment !== undefined;
      if (segment === undefined || (want === "{*}" ? segment === "" : segment !== want)) return false;
    }
    return segments.length === pattern.length;
  };
}
