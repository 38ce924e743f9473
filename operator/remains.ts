import { type Client, isNotFound, type KubeObject, keyOf, type Resource, resources } from "../kube/index.ts";
import type { Installation } from "./installation.ts";
import { authoritySecret, fieldManager, labels, proxyAccessName, rootSecret } from "./names.ts";

/** A live object of an installation, with its kind. */
export interface Found {
  readonly resource: Resource;
  readonly object: KubeObject;
}

/** Kinds by the step of the removal that they go in. */
const webhookKinds = [resources.mutatingWebhookConfigurations, resources.validatingWebhookConfigurations];
const controlPlaneKinds = [
  resources.deployments,
  resources.services,
  resources.podDisruptionBudgets,
  resources.configMaps,
];
const accessKinds = [
  resources.roleBindings,
  resources.roles,
  resources.clusterRoleBindings,
  resources.clusterRoles,
  resources.serviceAccounts,
];
const compiledKind = (plural: string, kind: string): Resource => ({
  group: "mesh.weft.dev",
  version: "v1alpha1",
  plural,
  kind,
  namespaced: true,
});
const compiledKinds = [
  compiledKind("serviceconfigs", "ServiceConfig"),
  compiledKind("workloadconfigs", "WorkloadConfig"),
];

/** Everything of an installation that the API server has, read live: a removal trusts no cache. */
export interface Survey {
  readonly injectedPods: readonly string[];
  readonly webhooks: readonly Found[];
  readonly controlPlane: readonly Found[];
  readonly controlPods: readonly string[];
  readonly compiled: readonly Found[];
  readonly access: readonly Found[];
  readonly authority: readonly Found[];
}

/** Looks for what is left of an installation. `others`: the installations that stay. */
export async function survey(options: {
  client: Client;
  installation: Installation;
  others: readonly Installation[];
  operatorNamespace: string;
  signal: AbortSignal;
}): Promise<Survey> {
  const { client, installation, others, operatorNamespace, signal } = options;
  const { revision, namespace } = installation;
  const owned = `${labels.managedBy}=${fieldManager},${labels.installation}=${installation.name}`;
  const find = async (
    kinds: readonly Resource[],
    how: { labelSelector?: string; fieldSelector?: string },
  ) => {
    const lists = await Promise.all(
      kinds.map(async (resource) => {
        const { items } = await client.list(resource, { ...how, metadataOnly: true, signal }).catch(orEmpty);
        return items.map((object) => ({ resource, object }));
      }),
    );
    return lists.flat();
  };
  const isLast = others.length === 0;
  const byRevision = `${labels.revision}=${revision}`;
  const [injectedPods, webhooks, controlPlane, controlPods, compiled, access, granted, authority] =
    await Promise.all([
      listInjectedPods(client, revision, signal),
      find(webhookKinds, { labelSelector: owned }),
      find(controlPlaneKinds, { labelSelector: owned }),
      client.list(resources.pods, {
        namespace,
        labelSelector: `app=control,${byRevision}`,
        metadataOnly: true,
        signal,
      }),
      find(compiledKinds, { labelSelector: byRevision }),
      find(accessKinds, { labelSelector: owned }),
      isLast
        ? find([resources.roleBindings, resources.roles], {
            fieldSelector: `metadata.name=${proxyAccessName}`,
          })
        : [],
      findAuthority(client, installation, others, operatorNamespace, signal),
    ]);
  const isControls = ({ object }: Found) => object.metadata.labels?.[labels.managedBy] === "weft-control";
  return {
    injectedPods,
    webhooks,
    controlPlane,
    controlPods: controlPods.items.map(keyOf),
    compiled,
    access: [...access, ...granted.filter(isControls)],
    authority,
  };
}

/** `namespace/name` of the running pods that carry a sidecar of the revision. */
export async function listInjectedPods(
  client: Client,
  revision: string,
  signal: AbortSignal,
): Promise<string[]> {
  const { items } = await client.list(resources.pods, {
    labelSelector: "security.istio.io/tlsMode=istio",
    // A finished Job's pod needs no mesh any more.
    fieldSelector: "status.phase!=Succeeded,status.phase!=Failed",
    metadataOnly: true,
    signal,
  });
  return items.filter(({ metadata }) => metadata.annotations?.["istio.io/rev"] === revision).map(keyOf);
}

/** The CA Secrets that the operator made and nobody needs any more; what users brought is theirs. */
async function findAuthority(
  client: Client,
  installation: Installation,
  others: readonly Installation[],
  operatorNamespace: string,
  signal: AbortSignal,
): Promise<Found[]> {
  const isShared = others.some(({ namespace }) => namespace === installation.namespace);
  const candidates = [
    ...(isShared ? [] : [{ namespace: installation.namespace, name: authoritySecret }]),
    ...(others.length > 0 ? [] : [{ namespace: operatorNamespace, name: rootSecret }]),
  ];
  const found = await Promise.all(
    candidates.map((at) =>
      client.get(resources.secrets, { ...at, signal }).catch((error: unknown) => {
        if (isNotFound(error)) return undefined;
        throw error;
      }),
    ),
  );
  return found.flatMap((object) =>
    object?.metadata.labels?.[labels.managedBy] === fieldManager
      ? [{ resource: resources.secrets, object }]
      : [],
  );
}

/** Deletes objects as they were found; what is gone already is as good as deleted. */
export async function deleteAll(client: Client, found: readonly Found[], signal: AbortSignal): Promise<void> {
  for (const { resource, object } of found) {
    const { name, namespace, uid } = object.metadata;
    const preconditions = uid === undefined ? undefined : { uid };
    await client
      .delete(resource, { name, namespace, preconditions, propagationPolicy: "Background", signal })
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
  }
}

/** A kind whose definition is gone has no objects. */
function orEmpty(error: unknown): { items: KubeObject[] } {
  if (isNotFound(error)) return { items: [] };
  throw error;
}
