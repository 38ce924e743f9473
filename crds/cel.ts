/** CEL rules that several kinds use. */
import type { CelRule } from "./openapi.ts";

/** At most one of the fields is set. */
export function atMostOneOf(...fields: readonly string[]): CelRule {
  const count = fields.map((field) => `(has(self.${field}) ? 1 : 0)`).join(" + ");
  return { rule: `${count} <= 1`, message: `set at most one of ${spoken(fields)}` };
}

/** The value never changes once it is set. */
export function immutable(why: string): CelRule {
  return { rule: "self == oldSelf", message: `cannot be changed: ${why}` };
}

function spoken(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
