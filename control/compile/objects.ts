/** Compiled parts as objects to publish: names, labels, owners and the stamp of what they were made from. */
import type { EndpointsPart, IndexPart, ServicePart } from "../../crds/service-config.ts";
import type { BareHost } from "./bare-host.ts";
import type { Cluster } from "./cluster.ts";
import type { CompiledOwner, CompiledServiceConfig, CompiledWorkloadConfig } from "./compiled.ts";
import { compileEndpointsParts, compileExternalEndpoints } from "./endpoints-parts.ts";
import type { External } from "./external.ts";
import { stamp } from "./hash.ts";
import type { Meta, Service } from "./inputs.ts";
import {
  endpointsPartName,
  indexKey,
  indexName,
  serviceConfigLabels,
  servicePartName,
  splitKey,
  workloadConfigLabels,
  workloadConfigName,
} from "./names.ts";
import { compareText } from "./order.ts";
import type { CompiledPart } from "./service.ts";
import type { CompiledWorkload } from "./workload.ts";

/** The object of a `service` part. */
export function servicePartObject(
  revision: string,
  part: ServicePart,
  generations: readonly string[],
  owner: CompiledOwner,
): CompiledServiceConfig {
  return {
    kind: "ServiceConfig",
    namespace: part.namespace,
    name: servicePartName(part.name, revision),
    labels: serviceConfigLabels("service", part.key, revision),
    owner,
    status: stamp(revision, generations, { service: part }),
  };
}

/** The objects of `endpoints` parts. Their content speaks for itself: a policy's generation in every part would rewrite them all for nothing. */
export function endpointsPartObjects(cluster: Cluster, service: Service): CompiledServiceConfig[] {
  const { name, namespace = "" } = service.metadata;
  const parts = compileEndpointsParts(cluster, service);
  return endpointsObjects(cluster.settings.revision, `${namespace}/${name}`, parts, serviceOwner(service));
}

/** The same of a ServiceEntry's host. */
export function externalEndpointsObjects(cluster: Cluster, external: External): CompiledServiceConfig[] {
  const parts = compileExternalEndpoints(cluster, external);
  return endpointsObjects(cluster.settings.revision, external.key, parts, externalOwner(external));
}

function endpointsObjects(
  revision: string,
  key: string,
  parts: readonly EndpointsPart[],
  owner: CompiledOwner,
): CompiledServiceConfig[] {
  const { namespace, name } = splitKey(key);
  return parts.map((part) => ({
    kind: "ServiceConfig",
    namespace,
    name: endpointsPartName(name, part.slice, revision),
    labels: serviceConfigLabels("endpoints", part.key, revision),
    owner,
    status: stamp(revision, [], { endpoints: part }),
  }));
}

export function serviceOwner({ metadata }: Service): CompiledOwner {
  return { apiVersion: "v1", kind: "Service", name: metadata.name, ...uidOf(metadata) };
}

/** The oldest of several that name the host. */
export function externalOwner({ entries }: External): CompiledOwner {
  const [oldest] = entries;
  const apiVersion = "networking.istio.io/v1";
  return {
    apiVersion,
    kind: "ServiceEntry",
    name: oldest?.metadata.name ?? "",
    ...uidOf(oldest?.metadata),
  };
}

/** A bare host belongs to a VirtualService that decides for it: the first by name, for want of a better claim. */
export function bareHostOwner({ virtualServices }: BareHost): CompiledOwner {
  const [first] = [...virtualServices].sort((a, b) => compareText(a.metadata.name, b.metadata.name));
  const apiVersion = "networking.istio.io/v1";
  return {
    apiVersion,
    kind: "VirtualService",
    name: first?.metadata.name ?? "",
    ...uidOf(first?.metadata),
  };
}

function uidOf(metadata: Meta | undefined): { uid?: string } {
  return metadata?.uid === undefined ? {} : { uid: metadata.uid };
}

/** The object of an `index` part. It has no owner: its namespace may lose one service and keep the others. */
export function indexObject(
  revision: string,
  { part, generations }: CompiledPart<IndexPart>,
): CompiledServiceConfig {
  return {
    kind: "ServiceConfig",
    namespace: part.namespace,
    name: indexName(revision),
    labels: serviceConfigLabels("index", indexKey, revision),
    status: stamp(revision, generations, { index: part }),
  };
}

/** The object of a workload. */
export function workloadObject(revision: string, compiled: CompiledWorkload): CompiledWorkloadConfig {
  const { namespace, workload, owner, content, generations } = compiled;
  return {
    kind: "WorkloadConfig",
    namespace,
    name: workloadConfigName(workload.kind, workload.name, revision),
    labels: workloadConfigLabels(revision),
    owner,
    status: stamp(revision, generations, content),
  };
}
