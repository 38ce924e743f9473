/** Header operations of a route and its destination as one list of steps (VirtualService `headers`). */
import type { HeaderOperations, HeaderOps } from "../../crds/service-config.ts";
import { expandValue, isFormat, type Lookup, oneLine } from "./format.ts";

export type HeaderStep =
  | { readonly op: "remove"; readonly name: string }
  /** Replaces every value. */
  | { readonly op: "set"; readonly name: string; readonly value: string }
  /** Appends a value of its own. */
  | { readonly op: "add"; readonly name: string; readonly value: string };

/** What steps come to in a head. */
export interface Edits {
  /** Lower-case names to drop. */
  readonly remove: ReadonlySet<string> | undefined;
  /** Whole header lines, each with its CRLF. */
  readonly add: string | undefined;
}

export interface HeaderPlan {
  readonly request: readonly HeaderStep[];
  readonly response: readonly HeaderStep[];
  /** The edits, where they are the same for every request: nothing to work out then. */
  readonly fixedRequest: Edits | undefined;
  readonly fixedResponse: Edits | undefined;
}

const nothing = plan([], []);

/** The steps in order: the destination's before the route's, as Envoy takes the most specific first; removal before the rest. */
export function planHeaders(
  destination: HeaderOperations | undefined,
  route: HeaderOperations | undefined,
): HeaderPlan {
  if (destination === undefined && route === undefined) return nothing;
  return plan(
    [...steps(destination?.request), ...steps(route?.request)],
    [...steps(destination?.response), ...steps(route?.response)],
  );
}

function plan(request: readonly HeaderStep[], response: readonly HeaderStep[]): HeaderPlan {
  const fixed = (all: readonly HeaderStep[]) =>
    all.length === 0 || all.some((step) => step.op !== "remove" && isFormat(step.value))
      ? undefined
      : editsOf(all, () => undefined);
  return Object.freeze({ request, response, fixedRequest: fixed(request), fixedResponse: fixed(response) });
}

/**
 * How a message is framed and what its connection does is not for routes to say: a Content-Length that goes missing on
 * the way makes two readers see different messages.
 */
export const FRAMING_HEADERS: ReadonlySet<string> = new Set([
  "content-length",
  "transfer-encoding",
  "connection",
  "keep-alive",
  "proxy-connection",
  "upgrade",
]);

/** Names in lower case: header names have no case (RFC 9110 section 5.1). */
function steps(ops: HeaderOps | undefined): HeaderStep[] {
  if (ops === undefined) return [];
  const all: HeaderStep[] = [
    ...ops.remove.map((name) => ({ op: "remove" as const, name: headerName(name) })),
    ...Object.entries(ops.set).map(([name, value]) => ({
      op: "set" as const,
      name: headerName(name),
      value,
    })),
    ...Object.entries(ops.add).map(([name, value]) => ({
      op: "add" as const,
      name: headerName(name),
      value,
    })),
  ];
  return all.filter(({ name }) => !FRAMING_HEADERS.has(name));
}

function headerName(name: string): string {
  const lower = name.toLowerCase();
  return lower === ":authority" ? "host" : lower;
}

/** The authority that steps set, which is the last one they name; undefined when they leave it. */
export function authorityOf(all: readonly HeaderStep[], lookup: Lookup): string | undefined {
  const named = all.findLast((step) => step.name === "host" && step.op !== "remove");
  if (named === undefined || named.op === "remove") return undefined;
  return oneLine(expandValue(named.value, lookup)) || undefined;
}

/**
 * Steps as one edit of a head: what is overwritten or removed goes, what is set or added comes at the end. A format that
 * comes to nothing does nothing, as in Envoy. Host is no header to add beside the other: see `authorityOf`.
 */
export function editsOf(all: readonly HeaderStep[], lookup: Lookup): Edits {
  const remove = new Set<string>();
  const lines: { readonly name: string; readonly value: string }[] = [];
  for (const step of all) {
    if (step.name === "host") continue;
    const value = step.op === "remove" ? "" : oneLine(expandValue(step.value, lookup));
    if (step.op !== "remove" && value === "" && step.value !== "") continue;
    if (step.op !== "add") {
      remove.add(step.name);
      for (let at = lines.length - 1; at >= 0; at--) if (lines[at]?.name === step.name) lines.splice(at, 1);
    }
    if (step.op !== "remove") lines.push({ name: step.name, value });
  }
  const add = lines.map(({ name, value }) => `${name}: ${value}\r\n`).join("");
  return { remove: remove.size > 0 ? remove : undefined, add: add === "" ? undefined : add };
}
