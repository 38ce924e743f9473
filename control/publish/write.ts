import {
  type Client,
  type Clock,
  isAlreadyExists,
  isConflict,
  isNotFound,
  type Log,
  type MetaObject,
  messageOf,
  type OwnerReference,
  type Resource,
  resources,
} from "../../kube/index.ts";
import type { CompiledObject, CompiledOwner } from "../compile/compiled.ts";
import type { Action } from "./plan.ts";
import type { PublishedConfig } from "./published.ts";

export const serviceConfigs: Resource = {
  group: "mesh.weft.dev",
  version: "v1alpha1",
  plural: "serviceconfigs",
  kind: "ServiceConfig",
  namespaced: true,
};
export const workloadConfigs: Resource = {
  group: "mesh.weft.dev",
  version: "v1alpha1",
  plural: "workloadconfigs",
  kind: "WorkloadConfig",
  namespaced: true,
};

/** Field manager of everything that control writes. */
export const fieldManager = "weft-control";

export interface Writer {
  /** Carries out one action; resolves with the object as written, undefined when it is gone. */
  run(action: Action, resource: Resource, signal: AbortSignal): Promise<PublishedConfig | undefined>;
}

/** Kinds that own workloads, whose uid a pod does not tell. */
const ownerResources: readonly Resource[] = [
  resources.deployments,
  resources.replicaSets,
  resources.statefulSets,
  resources.daemonSets,
  resources.jobs,
  resources.cronJobs,
  resources.pods,
  resources.services,
];

export function createWriter(options: { client: Client; clock: Clock; log: Log }): Writer {
  const { client, clock, log } = options;

  const ownerReferences = async (
    owner: CompiledOwner | undefined,
    namespace: string,
    signal: AbortSignal,
  ): Promise<OwnerReference[] | undefined> => {
    if (owner === undefined) return undefined;
    const uid = owner.uid ?? (await findUid(owner, namespace, signal));
    if (uid === undefined) return undefined;
    return [{ apiVersion: owner.apiVersion, kind: owner.kind, name: owner.name, uid }];
  };

  const findUid = async (owner: CompiledOwner, namespace: string, signal: AbortSignal) => {
    const group = owner.apiVersion.includes("/") ? owner.apiVersion.replace(/\/.*/, "") : "";
    const resource = ownerResources.find((known) => known.kind === owner.kind && known.group === group);
    if (resource === undefined) return undefined;
    try {
      return (await client.get<MetaObject>(resource, { namespace, name: owner.name, signal })).metadata.uid;
    } catch (error) {
      if (signal.aborted) throw error;
      // Without an owner the object is deleted by the publisher instead of by Kubernetes.
      if (!isNotFound(error))
        log.warn("a workload's owner cannot be read", { owner, error: messageOf(error) });
      return undefined;
    }
  };

  /** JSON patch replaces the status whole: a merge patch would keep members that are gone. */
  const writeStatus = (
    object: CompiledObject,
    resource: Resource,
    uid: string | undefined,
    signal: AbortSignal,
  ) =>
    client.patch<PublishedConfig>(resource, {
      namespace: object.namespace,
      name: object.name,
      type: "json",
      subresource: "status",
      fieldManager,
      signal,
      body: [
        ...(uid === undefined ? [] : [{ op: "test", path: "/metadata/uid", value: uid }]),
        {
          op: "add",
          path: "/status",
          value: { ...object.status, writtenAt: new Date(clock.now()).toISOString() },
        },
      ],
    });

  const create = async (object: CompiledObject, resource: Resource, signal: AbortSignal) => {
    const owners = await ownerReferences(object.owner, object.namespace, signal);
    const config = {
      apiVersion: "mesh.weft.dev/v1alpha1",
      kind: object.kind,
      metadata: {
        name: object.name,
        namespace: object.namespace,
        labels: { ...object.labels },
        ...(owners === undefined ? {} : { ownerReferences: owners }),
      },
      spec: {},
    };
    try {
      await client.create(resource, config, { fieldManager, signal });
    } catch (error) {
      // Another replica led a moment ago: what it created is as good as ours.
      if (!isAlreadyExists(error)) throw error;
    }
    return writeStatus(object, resource, undefined, signal);
  };

  const relabel = async (object: CompiledObject, resource: Resource, uid: string, signal: AbortSignal) => {
    const owners = await ownerReferences(object.owner, object.namespace, signal);
    return client.patch<PublishedConfig>(resource, {
      namespace: object.namespace,
      name: object.name,
      type: "merge",
      fieldManager,
      signal,
      body: {
        metadata: {
          uid,
          labels: object.labels,
          ...(owners === undefined ? {} : { ownerReferences: owners }),
        },
      },
    });
  };

  const remove = async (action: Action & { do: "delete" }, resource: Resource, signal: AbortSignal) => {
    const { name, namespace, uid } = action;
    try {
      await client.delete(resource, { namespace, name, preconditions: { uid }, signal });
    } catch (error) {
      // Gone, or another object of that name by now: not ours to delete.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
    return undefined;
  };

  return {
    async run(action, resource, signal) {
      switch (action.do) {
        case "create":
          return create(action.object, resource, signal);
        case "relabel":
          return relabel(action.object, resource, action.uid, signal);
        case "write":
          try {
            return await writeStatus(action.object, resource, action.uid, signal);
          } catch (error) {
            if (!isNotFound(error)) throw error;
            return create(action.object, resource, signal);
          }
        case "delete":
          return remove(action, resource, signal);
      }
    },
  };
}
