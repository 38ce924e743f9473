/**
 * The value syntaxes of AuthorizationPolicy: exact, `prefix*`, `*suffix`, `*`; path templates; ports; address blocks. Each list is
 * compiled once into what a request is compared with in plain loops: judging a value allocates nothing.
 */
import { parseBlock, parseIp } from "../address/cidr.ts";

export type Matcher<T> = (value: T) => boolean;
export type ValueMatcher = Matcher<string>;

/** Any of the values; "" matches no `*`: an absent identity or header is not present. */
export function anyValue(values: readonly string[]): ValueMatcher {
  return anyOf(values, () => undefined);
}

/** As `anyValue`, without regard to case: hosts. */
export function anyValueIgnoringCase(values: readonly string[]): ValueMatcher {
  const matches = anyValue(values.map((value) => value.toLowerCase()));
  return (value) => matches(value.toLowerCase());
}

/** As `anyValue`, and `*` may stand in the middle as well: trust domains, which hold no `/`. */
export function anyGlob(values: readonly string[]): ValueMatcher {
  return anyOf(values, (value) => {
    const star = value.indexOf("*");
    if (star <= 0 || star === value.length - 1) return undefined;
    const [prefix, suffix] = [value.slice(0, star), value.slice(star + 1)];
    const least = prefix.length + suffix.length;
    return (text) => text.length >= least && text.startsWith(prefix) && text.endsWith(suffix);
  });
}

/** Paths: as `anyValue`, and templates whose `{*}` is one segment and whose last `{**}` is any number of them. */
export function anyPath(paths: readonly string[]): ValueMatcher {
  return anyOf(paths, (path) => (path.includes("{*") ? template(path) : undefined));
}

/** As `anyValue` of their digits; plain numbers are compared as such. */
export function anyPort(values: readonly string[]): Matcher<number> {
  const ports = values.map(Number);
  if (values.every((value, i) => value === String(ports[i]))) return (port) => ports.includes(port);
  const matches = anyValue(values);
  return (port) => matches(String(port));
}

/** Addresses in any of the blocks. A block that cannot be read matches nothing; admission refuses it. */
export function anyBlock(texts: readonly string[]): ValueMatcher {
  const blocks = texts.flatMap((text) => parseBlock(text) ?? []);
  return (address) => {
    const bytes = parseIp(address);
    if (bytes === undefined) return false;
    for (const block of blocks) if (block(bytes)) return true;
    return false;
  };
}

const MOST_REMEMBERED = 64;

/**
 * For what a connection says of its peer, which is the same for all of its requests: the answers for the last peers are kept, and
 * not worked out of a principal or an address each time. Not for what requests say: one could have a long header kept by a part of it.
 */
export function remembered(matches: ValueMatcher): ValueMatcher {
  const answers = new Map<string, boolean>();
  return (value) => {
    const known = answers.get(value);
    if (known !== undefined) return known;
    if (answers.size === MOST_REMEMBERED) answers.clear();
    const answer = matches(value);
    answers.set(value, answer);
    return answer;
  };
}

/** More exact values are looked up rather than compared one by one. */
const FEW = 8;

/** Any of the patterns; `special` compiles those that are more than exact, `prefix*`, `*suffix` and `*`. */
function anyOf(
  patterns: readonly string[],
  special: (pattern: string) => ValueMatcher | undefined,
): ValueMatcher {
  const exact: string[] = [];
  const prefixes: string[] = [];
  const suffixes: string[] = [];
  const others: ValueMatcher[] = [];
  let present = false;
  for (const pattern of patterns) {
    const matches = special(pattern);
    if (matches !== undefined) others.push(matches);
    else if (pattern === "*") present = true;
    else if (pattern.startsWith("*")) suffixes.push(pattern.slice(1));
    else if (pattern.endsWith("*")) prefixes.push(pattern.slice(0, -1));
    else exact.push(pattern);
  }
  const [only] = exact;
  if (only !== undefined && patterns.length === 1) return (value) => value === only;
  const many = exact.length > FEW ? new Set(exact) : undefined;
  return (value) => {
    if (present && value !== "") return true;
    if (many === undefined ? exact.includes(value) : many.has(value)) return true;
    for (const prefix of prefixes) if (value.startsWith(prefix)) return true;
    for (const suffix of suffixes) if (value.endsWith(suffix)) return true;
    for (const matches of others) if (matches(value)) return true;
    return false;
  };
}

/** Compares segment by segment where the path stands. */
function template(path: string): ValueMatcher {
  const pattern = path.split("/");
  return (value) => {
    /** Where the next segment begins; -1 when there is none. */
    let at = 0;
    for (const want of pattern) {
      if (want === "{**}") return at >= 0;
      if (at < 0) return false;
      const slash = value.indexOf("/", at);
      const end = slash < 0 ? value.length : slash;
      const fits = want === "{*}" ? end > at : end - at === want.length && value.startsWith(want, at);
      if (!fits) return false;
      at = slash < 0 ? -1 : slash + 1;
    }
    return at < 0;
  };
}
