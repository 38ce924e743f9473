/** What the compiler makes. */
import type { ServiceConfigStatus } from "../../crds/service-config.ts";
import type { WorkloadConfigStatus } from "../../crds/workload-config.ts";

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
