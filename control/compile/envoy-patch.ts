/**
 * EnvoyFilters as far as they are read here: HTTP filters that they put in front of applications. Envoy names fields in snake_case
 * or camelCase, and wraps whole messages or not; both are read.
 */
import type { EnvoyFilter } from "./inputs.ts";
import type { ConfigPatchSpec } from "./istio.ts";
import { keyOf } from "./names.ts";

const insertions: ReadonlySet<string> = new Set(["ADD", "INSERT_BEFORE", "INSERT_AFTER", "INSERT_FIRST"]);
const most = 1_000_000_000;

export type Message = Readonly<Record<string, unknown>>;

export interface InboundFilter {
  /** `EnvoyFilter/namespace/name[index]`. */
  readonly name: string;
  /** Its typed configuration. */
  readonly config: Message;
  /** The container port that it is for; undefined: all. */
  readonly port: number | undefined;
}

/** The filters of this name that an EnvoyFilter puts into the inbound side of sidecars. */
export function inboundFilters(filter: EnvoyFilter, filterName: string): InboundFilter[] {
  return (filter.spec?.configPatches ?? []).flatMap((patch, i) => {
    const config = configOf(patch, filterName);
    if (config === undefined) return [];
    const port = whole(message(patch.match?.listener)?.portNumber);
    return [{ name: `EnvoyFilter/${keyOf(filter.metadata)}[${i}]`, config, port }];
  });
}

function configOf({ applyTo, match, patch }: ConfigPatchSpec, filterName: string): Message | undefined {
  const context = match?.context ?? "ANY";
  if (applyTo !== "HTTP_FILTER" || (context !== "SIDECAR_INBOUND" && context !== "ANY")) return undefined;
  if (!insertions.has(patch?.operation ?? "")) return undefined;
  const value = message(patch?.value);
  if (value?.name !== filterName) return undefined;
  const typed = field(value, "typed_config");
  const inner = typed === undefined ? undefined : message(typed.value);
  return String(typed?.["@type"]).endsWith("TypedStruct") ? inner : typed;
}

export function field(of: Message, name: string): Message | undefined {
  return message(member(of, name));
}

export function member(of: Message, name: string): unknown {
  return of[name] ?? of[name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())];
}

function message(value: unknown): Message | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Message)
    : undefined;
}

/** A positive number up to 10^9, bare or in a wrapper message. */
export function whole(value: unknown): number | undefined {
  const number = typeof value === "object" ? message(value)?.value : value;
  return Number.isInteger(number) && (number as number) >= 1 && (number as number) <= most
    ? (number as number)
    : undefined;
}
