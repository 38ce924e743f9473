/**
 * The compiler: mesh resources and the cluster's objects in, the status of ServiceConfig and WorkloadConfig out.
 *
 * How to drive it: `load` a snapshot once the watches have synced and publish `compile()`. Then hand every watch event
 * to `affected`, union the keys it returns for as long as a burst lasts, and publish what `compileService`,
 * `compileWorkload` and `compileIndex` return for them. A key that compiles to nothing says that its objects are to be
 * deleted. The outcome never depends on the order of events: a compiler that was fed changes and one that loaded the
 * final snapshot say the same.
 */
import { addReach, emptyReach, type Reach } from "./affected.ts";
import { bareHost } from "./bare-host.ts";
import { Cluster } from "./cluster.ts";
import type { CompiledObject, CompiledServiceConfig, CompiledWorkloadConfig } from "./compiled.ts";
import { external } from "./external.ts";
import { compileIndexPart } from "./index-part.ts";
import { isServed } from "./indexers.ts";
import type { Change, MeshSettings, Snapshot } from "./inputs.ts";
import { splitKey } from "./names.ts";
import {
  bareHostOwner,
  endpointsPartObjects,
  externalEndpointsObjects,
  externalOwner,
  indexObject,
  serviceOwner,
  servicePartObject,
  workloadObject,
} from "./objects.ts";
import { compareText, sortedUnique } from "./order.ts";
import { compileBareHostPart, compileExternalPart, compileServicePart } from "./service.ts";
import { compileWorkloadContent } from "./workload.ts";

/** Keys of what a change may alter; sorted, without duplicates. Compiling a key that turns out unaltered is harmless. */
export interface Affected {
  /** `namespace/name` of services, among them the made-up names of hosts that are none (`host-…`). */
  readonly services: readonly string[];
  /** `namespace/Kind/name`, for example `default/Deployment/payment-v2`. */
  readonly workloads: readonly string[];
  /** Namespaces. */
  readonly indexes: readonly string[];
}

export interface Compiler {
  /** Replaces all that the compiler knows of the cluster. */
  load(snapshot: Snapshot): void;
  /** Replaces the settings, for example when the trust bundle changed; says what that alters. */
  configure(settings: MeshSettings): Affected;
  /** Takes in one change of the cluster and says which compiled objects it may alter. */
  affected(change: Change): Affected;
  /** Keys of everything that compiles to something now. */
  keys(): Affected;
  /** Every compiled object, sorted by kind, namespace, name. */
  compile(): CompiledObject[];
  /** The service part first, then its endpoints parts in order; [] when there is no such service. */
  compileService(key: string): CompiledServiceConfig[];
  /**
   * The workload's object, or undefined when none of its pods with a sidecar is left. It may stay published then: its
   * owner reference collects it, and a workload scaled back up finds its configuration in place.
   */
  compileWorkload(key: string): CompiledWorkloadConfig | undefined;
  /** The namespace's index, or undefined when the namespace has no services. */
  compileIndex(namespace: string): CompiledServiceConfig | undefined;
}

/** A compiler that knows nothing of the cluster yet. */
export function createCompiler(settings: MeshSettings): Compiler {
  let cluster = new Cluster(settings);
  // Endpoints change far more often than routes, and the other way about: neither compiles the other anew.
  const endpoints = new Map<string, readonly CompiledServiceConfig[]>();

  const keys = (): Affected => {
    const reach = emptyReach();
    for (const [key, service] of cluster.services.entries()) {
      if (isServed(service)) reach.services.add(key);
      reach.indexes.add(splitKey(key).namespace);
    }
    for (const key of cluster.virtualServices.indexed("bare")) {
      reach.services.add(key);
      reach.indexes.add(splitKey(key).namespace);
    }
    for (const key of cluster.serviceEntries.indexed("external")) {
      reach.services.add(key);
      reach.indexes.add(splitKey(key).namespace);
    }
    for (const key of cluster.workloads()) reach.workloads.add(key);
    return sorted(reach);
  };

  const compileService = (key: string): CompiledServiceConfig[] => {
    const { revision } = cluster.settings;
    const { namespace } = splitKey(key);
    const service = cluster.services.get(key);
    if (service !== undefined && isServed(service)) {
      const parts = endpoints.get(key) ?? endpointsPartObjects(cluster, service);
      endpoints.set(key, parts);
      const { part, generations } = compileServicePart(cluster, service, parts.length);
      return [servicePartObject(revision, part, generations, serviceOwner(service)), ...parts];
    }
    const outside = external(cluster, key);
    if (outside !== undefined) {
      const parts = endpoints.get(key) ?? externalEndpointsObjects(cluster, outside);
      endpoints.set(key, parts);
      const { part, generations } = compileExternalPart(cluster, outside, parts.length);
      return [servicePartObject(revision, part, generations, externalOwner(outside)), ...parts];
    }
    endpoints.delete(key);
    const bare = bareHost(cluster, key);
    if (bare === undefined) return [];
    const { part, generations } = compileBareHostPart(cluster, namespace, bare.host);
    return [servicePartObject(revision, part, generations, bareHostOwner(bare))];
  };

  const compileWorkload = (key: string): CompiledWorkloadConfig | undefined => {
    const compiled = compileWorkloadContent(cluster, key);
    return compiled && workloadObject(cluster.settings.revision, compiled);
  };

  const compileIndex = (namespace: string): CompiledServiceConfig | undefined => {
    const compiled = compileIndexPart(cluster, namespace);
    return compiled && indexObject(cluster.settings.revision, compiled);
  };

  return {
    load(snapshot) {
      cluster = new Cluster(cluster.settings);
      cluster.load(snapshot);
      endpoints.clear();
    },
    configure(changed) {
      const before = keys();
      const known = cluster.snapshot();
      cluster = new Cluster(changed);
      cluster.load(known);
      endpoints.clear();
      return union(before, keys());
    },
    affected(change) {
      const reach = emptyReach();
      const before = cluster.get(change.kind, change.key);
      addReach(reach, cluster, { ...change, object: before } as Change);
      cluster.set(change.kind, change.key, change.object);
      addReach(reach, cluster, change);
      if (change.kind !== "VirtualService") for (const key of reach.services) endpoints.delete(key);
      return sorted(reach);
    },
    keys,
    compile() {
      const all = keys();
      const objects: CompiledObject[] = all.services.flatMap(compileService);
      for (const namespace of all.indexes) objects.push(...present(compileIndex(namespace)));
      for (const key of all.workloads) objects.push(...present(compileWorkload(key)));
      return objects.sort(byIdentity);
    },
    compileService,
    compileWorkload,
    compileIndex,
  };
}

/** Compiles a whole snapshot at once. */
export function compile(snapshot: Snapshot, settings: MeshSettings): CompiledObject[] {
  const compiler = createCompiler(settings);
  compiler.load(snapshot);
  return compiler.compile();
}

function present<T>(value: T | undefined): T[] {
  return value === undefined ? [] : [value];
}

function sorted(reach: Reach): Affected {
  const { services, workloads, indexes } = reach;
  return {
    services: sortedUnique(services),
    workloads: sortedUnique(workloads),
    indexes: sortedUnique(indexes),
  };
}

function union(a: Affected, b: Affected): Affected {
  return {
    services: sortedUnique([...a.services, ...b.services]),
    workloads: sortedUnique([...a.workloads, ...b.workloads]),
    indexes: sortedUnique([...a.indexes, ...b.indexes]),
  };
}

function byIdentity(a: CompiledObject, b: CompiledObject): number {
  return compareText(a.kind, b.kind) || compareText(a.namespace, b.namespace) || compareText(a.name, b.name);
}
