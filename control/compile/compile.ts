/**
 * The compiler: mesh resources and the cluster's objects in, the status of ServiceConfig and WorkloadConfig out.
 *
 * How to drive it: `load` a snapshot once the watches have synced and publish `compile()`. Then hand every watch event
 * to `affected`, union the keys it returns for as long as a burst lasts, and publish what `compileService`,
 * `compileWorkload` and `compileIndex` return for them. A key that compiles to nothing says that its objects are to be
 * deleted. The outcome never depends on the order of events: a compiler that was fed changes and one that loaded the
 * final snapshot say the same.
 */
import type { ServiceConfigStatus } from "../../crds/service-config.ts";
import type { WorkloadConfigStatus } from "../../crds/workload-config.ts";
import type { Change, MeshSettings, Snapshot } from "./inputs.ts";

/** One object to publish: its metadata and its status. `spec` is always empty. */
export type CompiledObject = CompiledServiceConfig | CompiledWorkloadConfig;

interface CompiledBase {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly owner?: CompiledOwner;
}

export interface CompiledServiceConfig extends CompiledBase {
  readonly kind: "ServiceConfig";
  /** Without `writtenAt`, which is the publisher's; `hash` covers everything else. */
  readonly status: ServiceConfigStatus;
}

export interface CompiledWorkloadConfig extends CompiledBase {
  readonly kind: "WorkloadConfig";
  readonly status: WorkloadConfigStatus;
}

/**
 * The object that the compiled one belongs to, in the same namespace.
 * `uid` is absent where the cluster's objects known here do not tell it: a pod names its ReplicaSet's uid, not its
 * Deployment's. The publisher asks for the owner's metadata once, when it first creates the object.
 */
export interface CompiledOwner {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid?: string;
}

/** Keys of what a change may alter; sorted, without duplicates. Compiling a key that turns out unaltered is harmless. */
export interface Affected {
  /** `namespace/name` of services, among them the made-up names of bare hosts (`host-…`). */
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
