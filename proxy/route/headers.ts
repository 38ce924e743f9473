/** Header operations of a route and its destination as one list of steps (VirtualService `headers`). */
import type { HeaderOperations, HeaderOps } from "../../crds/service-config.ts";

export type HeaderStep =
  | { readonly op: "remove"; readonly name: string }
  /** Replaces every value. */
  | { readonly op: "set"; readonly name: string; readonly value: string }
  /** Appends a value of its own. */
  | { readonly op: "add"; readonly name: string; readonly value: string };

export interface HeaderPlan {
  readonly request: readonly HeaderStep[];
  readonly response: readonly HeaderStep[];
}

const nothing: HeaderPlan = Object.freeze({ request: [], response: [] });

/** The steps in order: the destination's before the route's, as Envoy takes the most specific first; removal before the rest. */
export function planHeaders(
  destination: HeaderOperations | undefined,
  route: HeaderOperations | undefined,
): HeaderPlan {
  if (destination === undefined && route === undefined) return nothing;
  return Object.freeze({
    request: [...steps(destination?.request), ...steps(route?.request)],
    response: [...steps(destination?.response), ...steps(route?.response)],
  });
}

/** Names in lower case: header names have no case (RFC 9110 section 5.1). */
function steps(ops: HeaderOps | undefined): HeaderStep[] {
  if (ops === undefined) return [];
  return [
    ...ops.remove.map((name) => ({ op: "remove" as const, name: name.toLowerCase() })),
    ...Object.entries(ops.set).map(([name, value]) => ({
      op: "set" as const,
      name: name.toLowerCase(),
      value,
    })),
    ...Object.entries(ops.add).map(([name, value]) => ({
      op: "add" as const,
      name: name.toLowerCase(),
      value,
    })),
  ];
}

/**
 * A header value with its `%VARIABLE%`s filled in, as Envoy's format strings: `%%` is a percent sign, a variable that `lookup`
 * does not know becomes "-". Values without a percent sign come back as they are.
 */
export function expandValue(value: string, lookup: (variable: string) => string | undefined): string {
  if (!value.includes("%")) return value;
  return value.replace(/%(?:%|([A-Z0-9_]+(?:\([^)]*\))?)%)/g, (whole, name: string | undefined) =>
    whole === "%%" ? "%" : (lookup(name ?? "") ?? "-"),
  );
}
