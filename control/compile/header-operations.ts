import type { HeaderOperations, HeaderOps } from "../../crds/service-config.ts";
import type { HeaderOpsSpec, HeadersSpec } from "./istio.ts";

/** Changes to headers, or undefined when there are none. */
export function headerOperations(spec: HeadersSpec | undefined): HeaderOperations | undefined {
  const request = headerOps(spec?.request);
  const response = headerOps(spec?.response);
  if (request === undefined && response === undefined) return undefined;
  return { ...(request && { request }), ...(response && { response }) };
}

function headerOps(spec: HeaderOpsSpec | undefined): HeaderOps | undefined {
  const set = lowerCaseNames(spec?.set);
  const add = lowerCaseNames(spec?.add);
  const remove = (spec?.remove ?? []).map((name) => name.toLowerCase());
  const nothing = Object.keys(set).length + Object.keys(add).length + remove.length === 0;
  return nothing ? undefined : { set, add, remove };
}

function lowerCaseNames(headers: Readonly<Record<string, string>> | undefined): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
  );
}
