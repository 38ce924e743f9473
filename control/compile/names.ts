/** Names, labels and keys of the compiled objects: what the publisher writes by and the proxies select by. */
import { shortHash } from "./hash.ts";
import type { Meta } from "./inputs.ts";

export const revisionLabel = "mesh.weft.dev/revision";
export const partLabel = "mesh.weft.dev/part";
export const keyLabel = "mesh.weft.dev/key";

/** The key label's value on index parts, which a proxy selects beside the keys of the services it calls. */
export const indexKey = "index";

/** `namespace/name`. */
export function keyOf(meta: Pick<Meta, "name" | "namespace">): string {
  return `${meta.namespace ?? ""}/${meta.name}`;
}

/** The parts of a `namespace/rest` key. */
export function splitKey(key: string): { namespace: string; name: string } {
  const slash = key.indexOf("/");
  return { namespace: key.slice(0, Math.max(slash, 0)), name: key.slice(slash + 1) };
}

/** A service's key: a label value of fixed length, whatever the names' lengths. */
export function serviceKey(namespace: string, name: string): string {
  return shortHash(`${namespace}/${name}`);
}

export function indexName(revision: string): string {
  return `index.${revision}`;
}

export function servicePartName(service: string, revision: string): string {
  return `${service}.service.${revision}`;
}

export function endpointsPartName(service: string, slice: number, revision: string): string {
  return `${service}.endpoints-${slice}.${revision}`;
}

/** `deployment-payment-v2.default`: a kind has no hyphen, so that no two workloads share a name. */
export function workloadConfigName(kind: string, name: string, revision: string): string {
  return `${kind.toLowerCase()}-${name}.${revision}`;
}

export function serviceConfigLabels(
  part: "index" | "service" | "endpoints",
  key: string,
  revision: string,
): Readonly<Record<string, string>> {
  return { [revisionLabel]: revision, [partLabel]: part, [keyLabel]: key };
}

export function workloadConfigLabels(revision: string): Readonly<Record<string, string>> {
  return { [revisionLabel]: revision };
}

/** The made-up service name under which a host that is no Kubernetes service stands in its namespace's index. */
export function bareHostName(host: string): string {
  return `host-${shortHash(host)}`;
}

/** `VirtualService/ns/name@7`: which version of a mesh resource went into a compiled object. */
export function generationOf(kind: string, meta: Meta): string {
  return `${kind}/${meta.namespace ?? ""}/${meta.name}@${meta.generation ?? 0}`;
}
