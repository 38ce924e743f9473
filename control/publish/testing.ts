/** What the tests of this room make their objects with. */
import type { ServiceConfigStatus } from "../../crds/service-config.ts";
import type { WorkloadConfigStatus } from "../../crds/workload-config.ts";
import type { CompiledServiceConfig, CompiledWorkloadConfig } from "../compile/compiled.ts";
import { serviceConfigLabels, serviceKey, workloadConfigName } from "../compile/names.ts";

/** A compiled part of service `ns/name` with this hash; the content does not matter to publishing. */
export function servicePart(
  name: string,
  hash: string,
  part: "service" | "endpoints" | "index" = "service",
): CompiledServiceConfig {
  const suffix = part === "endpoints" ? "endpoints-0" : part;
  const key = part === "index" ? "index" : serviceKey("ns", name);
  return {
    kind: "ServiceConfig",
    namespace: "ns",
    name: part === "index" ? "index.default" : `${name}.${suffix}.default`,
    labels: serviceConfigLabels(part, key, "default"),
    ...(part === "index"
      ? {}
      : { owner: { apiVersion: "v1", kind: "Service", name, uid: `uid-of-${name}` } }),
    status: { revision: "default", hash, generations: [] } as ServiceConfigStatus,
  };
}

/** The compiled object of workload `ns/Deployment/name`, whose owner's uid only the API server knows. */
export function workload(name: string, hash: string): CompiledWorkloadConfig {
  return {
    kind: "WorkloadConfig",
    namespace: "ns",
    name: workloadConfigName("Deployment", name, "default"),
    labels: { "mesh.weft.dev/revision": "default" },
    owner: { apiVersion: "apps/v1", kind: "Deployment", name },
    status: {
      revision: "default",
      hash,
      generations: [],
      workload: { name, namespace: "ns", kind: "Deployment", labels: {} },
    } as unknown as WorkloadConfigStatus,
  };
}
