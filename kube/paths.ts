import type { Resource } from "./types.ts";

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** The URL path of a collection, or of one object in it, with an optional subresource. */
export function pathOf(
  resource: Resource,
  at: { namespace?: string | undefined; name?: string | undefined; subresource?: string | undefined },
): string {
  const root =
    resource.group === "" ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const inNamespace = resource.namespaced && at.namespace !== undefined && at.namespace !== "";
  const parts = [
    root,
    ...(inNamespace ? ["namespaces", encodeURIComponent(at.namespace ?? "")] : []),
    resource.plural,
    ...(at.name === undefined ? [] : [encodeURIComponent(at.name)]),
    ...(at.subresource === undefined ? [] : [at.subresource]),
  ];
  return parts.join("/");
}

/** `?a=1&b=2`, or "" when nothing is defined. Keys keep their order; undefined values are left out. */
export function queryString(query: Query): string {
  const pairs = Object.entries(query).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${encodeURIComponent(value)}`],
  );
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}
