import { isObject } from "../json.ts";
import type { Field } from "./field.ts";

/** Beyond this many matches in one list the search is left out, as it compares prefixes with each other. */
const mostMatches = 2_000;

interface SeenMatch {
  readonly path: string;
  readonly prefix: string | undefined;
  /** The match without its path and name, in canonical form. */
  readonly rest: string;
  readonly ignoreCase: boolean;
}

/** Warns of routes and matches that no request can reach, as those before them take all it could match. */
export function warnUnreachable(routes: Field): void {
  if (!Array.isArray(routes.value)) return;
  const whole = new Map<string, string>();
  const prefixes: SeenMatch[] = [];
  let catchAll: string | undefined;
  let count = 0;
  for (const route of routes.items()) {
    if (catchAll !== undefined) {
      route.warn(`is never reached: ${catchAll} before it matches everything`);
      continue;
    }
    const matches = Array.isArray(route.at("match").value) ? route.at("match").items() : [];
    count += matches.length;
    if (count > mostMatches) return;
    if (matches.length === 0) {
      catchAll = route.path;
      continue;
    }
    const dead = matches.filter((match) => warnDead(match, whole, prefixes)).length;
    if (dead === matches.length) route.warn("is never reached: earlier rules take all that it matches");
  }
}

function warnDead(match: Field, whole: Map<string, string>, prefixes: SeenMatch[]): boolean {
  if (!isObject(match.value)) return false;
  const { name: _name, statPrefix: _stat, ...conditions } = match.value;
  const key = canonical(conditions);
  const twin = whole.get(key);
  if (twin !== undefined) {
    match.warn(`is never used: ${twin} is the same`);
    return true;
  }
  whole.set(key, match.path);
  const { uri, ignoreUriCase, ...others } = conditions;
  const target = isObject(uri) ? uri : {};
  const rest = canonical(others);
  const ignoreCase = ignoreUriCase === true;
  const path = typeof target.prefix === "string" ? target.prefix : target.exact;
  if (typeof path === "string") {
    const wider = prefixes.find(
      (seen) =>
        seen.prefix !== undefined &&
        seen.ignoreCase === ignoreCase &&
        (seen.rest === rest || seen.rest === "{}") &&
        (ignoreCase
          ? path.toLowerCase().startsWith(seen.prefix.toLowerCase())
          : path.startsWith(seen.prefix)),
    );
    if (wider !== undefined) {
      match.warn(`is never used: ${wider.path} takes prefix ${JSON.stringify(wider.prefix)}`);
      return true;
    }
  }
  if (typeof target.prefix === "string") {
    prefixes.push({ path: match.path, prefix: target.prefix, rest, ignoreCase });
  }
  return false;
}

/** JSON with sorted keys, so that the order of writing does not tell two matches apart. Bounded in depth. */
function canonical(value: unknown, depth = 0): string {
  if (depth > 8) return "…";
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item, depth + 1)).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value) ?? "null";
  const members = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(value[key], depth + 1)}`);
  return `{${members.join(",")}}`;
}
