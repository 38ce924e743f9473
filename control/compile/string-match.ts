import type { NamedMatch, StringMatch } from "../../crds/service-config.ts";
import type { StringMatchSpec } from "./istio.ts";
import { compareText } from "./order.ts";

/** One comparison, or undefined when the spec asks for nothing. */
export function stringMatch(spec: StringMatchSpec | undefined): StringMatch | undefined {
  if (spec?.exact !== undefined) return { kind: "exact", value: spec.exact };
  if (spec?.prefix !== undefined) return { kind: "prefix", value: spec.prefix };
  if (spec?.regex !== undefined) return { kind: "regex", value: spec.regex };
  return undefined;
}

/** As above, where `{}` and the regex `*` ask that the header or parameter be there at all. */
function presenceMatch(spec: StringMatchSpec): StringMatch {
  const match = stringMatch(spec);
  return match === undefined || (match.kind === "regex" && match.value === "*")
    ? { kind: "present", value: "" }
    : match;
}

/** Named comparisons in the order of their names, which has no meaning: all must hold. */
export function namedMatches(
  specs: Readonly<Record<string, StringMatchSpec>> | undefined,
  nameOf: (name: string) => string,
): NamedMatch[] {
  return Object.entries(specs ?? {})
    .map(([name, spec]) => ({ name: nameOf(name), ...presenceMatch(spec ?? {}) }))
    .sort((a, b) => compareText(a.name, b.name) || compareText(a.value, b.value));
}
