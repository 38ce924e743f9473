/** Compiled objects as control writes them, for tests. */
import { createHash } from "node:crypto";
import type {
  ClusterPolicy,
  Endpoint,
  HttpRoute,
  IndexEntry,
  ServiceConfigStatus,
  ServicePart,
  ServiceView,
  WeightedDestination,
} from "../../crds/service-config.ts";
import type { WorkloadConfigStatus } from "../../crds/workload-config.ts";

export interface CompiledJson {
  apiVersion: string;
  kind: "ServiceConfig" | "WorkloadConfig";
  metadata: { name: string; namespace: string; labels: Record<string, string>; resourceVersion?: string };
  status: object;
}

export function keyOf(namespace: string, name: string): string {
  return createHash("sha256").update(`${namespace}/${name}`).digest("hex").slice(0, 16);
}

function compiled(
  kind: CompiledJson["kind"],
  namespace: string,
  name: string,
  labels: Record<string, string>,
  content: object,
): CompiledJson {
  const hash = createHash("sha256").update(JSON.stringify(content)).digest("hex").slice(0, 16);
  return {
    apiVersion: "mesh.weft.dev/v1alpha1",
    kind,
    metadata: {
      name: `${name}.default`,
      namespace,
      labels: { "mesh.weft.dev/revision": "default", ...labels },
    },
    status: { revision: "default", hash, generations: [], ...content },
  };
}

const serviceConfig = (
  namespace: string,
  name: string,
  part: string,
  key: string,
  content: Partial<ServiceConfigStatus>,
) =>
  compiled(
    "ServiceConfig",
    namespace,
    name,
    { "mesh.weft.dev/part": part, "mesh.weft.dev/key": key },
    content,
  );

export function entry(namespace: string, name: string, fields: Partial<IndexEntry> = {}): IndexEntry {
  return {
    name,
    key: keyOf(namespace, name),
    addresses: [],
    ports: [{ port: 80, protocol: "http" }],
    ...fields,
  };
}

export function indexObject(namespace: string, services: IndexEntry[]): CompiledJson {
  return serviceConfig(namespace, "index", "index", "index", { index: { namespace, services } });
}

export function subset(name: string, fields: Partial<ClusterPolicy> = {}): ClusterPolicy {
  return {
    subset: name,
    labels: name === "" ? {} : { version: name },
    loadBalancer: { simple: "ROUND_ROBIN" },
    connectionPool: { connectTimeoutMs: 10_000 },
    tls: { mode: "AUTO", subjectAltNames: [] },
    ...fields,
  };
}

export function view(fields: Partial<ServiceView> = {}): ServiceView {
  return { http: [], tcp: [], tls: [], clusters: [subset("")], ...fields };
}

export function serviceObject(
  namespace: string,
  name: string,
  fields: Partial<ServicePart> = {},
): CompiledJson {
  const key = keyOf(namespace, name);
  const host = `${name}.${namespace}.svc.cluster.local`;
  const part = { name, namespace, key, host, endpointSlices: 1, common: view(), variants: [], ...fields };
  return serviceConfig(namespace, `${name}.service`, "service", key, { service: part });
}

export function endpoint(address: string, fields: Partial<Endpoint> = {}): Endpoint {
  return {
    address,
    ports: [{ port: 80, target: 8080 }],
    ready: true,
    mtls: false,
    labels: {},
    weight: 1,
    ...fields,
  };
}

export function endpointsObject(
  namespace: string,
  name: string,
  endpoints: Endpoint[],
  slice = 0,
  of = 1,
): CompiledJson {
  const key = keyOf(namespace, name);
  return serviceConfig(namespace, `${name}.endpoints-${slice}`, "endpoints", key, {
    endpoints: { key, slice, of, endpoints },
  });
}

export function destination(
  namespace: string,
  name: string,
  fields: Partial<WeightedDestination> = {},
): WeightedDestination {
  const host = `${name}.${namespace}.svc.cluster.local`;
  return { host, key: keyOf(namespace, name), subset: "", weight: 1, ...fields };
}

export function forward(...destinations: WeightedDestination[]): HttpRoute {
  return { matches: [], action: { kind: "forward", destinations }, mirrors: [] };
}

export function workloadObject(
  namespace: string,
  name: string,
  fields: Partial<WorkloadConfigStatus> = {},
): CompiledJson {
  return compiled("WorkloadConfig", namespace, `deployment-${name}`, {}, {
    workload: { name, namespace, kind: "Deployment", labels: { app: name } },
    trustDomain: "cluster.local",
    trustBundle: "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
    mtls: "PERMISSIVE",
    ports: [],
    authorization: [],
    egress: { outboundTrafficPolicy: "ALLOW_ANY" },
    telemetry: { accessLog: false },
    jwtRules: [],
    ...fields,
  } satisfies Omit<WorkloadConfigStatus, "revision" | "hash" | "generations">);
}
