/** CEL rules that several kinds use. */
import type { CelRule } from "./openapi.ts";

/**
 * At most one of the fields is set. Nested conditionals, since the API server charges a rule its dearest branch for
 * every item that a list could hold, and refuses a definition whose sum is too high: counting costs three times as much.
 */
export function atMostOneOf(...fields: readonly string[]): CelRule {
  return { rule: exclusive(fields), message: `set at most one of ${spoken(fields)}` };
}

function exclusive([first, ...rest]: readonly string[]): string {
  if (first === undefined || rest.length === 0) return "true";
  const others = rest.map((field) => `has(self.${field})`).join(" || ");
  if (rest.length === 1) return `!(has(self.${first}) && ${others})`;
  return `has(self.${first}) ? !(${others}) : ${exclusive(rest)}`;
}

/** The value never changes once it is set. */
export function immutable(why: string): CelRule {
  return { rule: "self == oldSelf", message: `cannot be changed: ${why}` };
}

function spoken(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
