import type { MeshInstallation } from "../crds/mesh-installation.ts";
import {
  type Change,
  type Client,
  type Clock,
  createInformer,
  type Informer,
  type KubeMetrics,
  type KubeObject,
  keyOf,
  type Log,
  type Resource,
  resources,
} from "../kube/index.ts";
import type { CertificateSecrets } from "./certificates/decide.ts";
import { authoritySecret, broughtSecret, labels, ownedSelector, rootSecret } from "./names.ts";

export const meshInstallations: Resource = {
  group: "mesh.weft.dev",
  version: "v1alpha1",
  plural: "meshinstallations",
  kind: "MeshInstallation",
  namespaced: false,
};

/** Every kind that an installation is made of; each is watched, so that drift is repaired as it happens. */
export const ownedKinds: readonly Resource[] = [
  resources.serviceAccounts,
  resources.clusterRoles,
  resources.clusterRoleBindings,
  resources.roles,
  resources.roleBindings,
  resources.configMaps,
  resources.services,
  resources.podDisruptionBudgets,
  resources.deployments,
  resources.mutatingWebhookConfigurations,
  resources.validatingWebhookConfigurations,
];

/** What the operator knows without asking. */
export interface Watches {
  installations(): MeshInstallation[];
  installation(name: string): MeshInstallation | undefined;
  /** An operand, as the informer of its kind has it. */
  operand(resource: Resource, key: string): KubeObject | undefined;
  secrets(namespace: string, operatorNamespace: string): CertificateSecrets;
  start(): Promise<void>;
  close(): Promise<void>;
}

export interface WatchesOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly metrics: KubeMetrics;
  readonly signal: AbortSignal;
  /** The installation itself, or something of it, is another than before; undefined: any may be concerned. */
  readonly onChange: (installation: string | undefined) => void;
  /** A definition that the operator made changed or went. */
  readonly onDefinition: () => void;
}

/** Opens one watch for each kind below; nothing flows before `start`. */
export function createWatches(options: WatchesOptions): Watches {
  const { onChange, onDefinition, signal } = options;
  const all: Informer<never>[] = [];
  const open = <T extends KubeObject | MeshInstallation>(
    resource: Resource,
    how: Partial<Parameters<typeof createInformer<T>>[0]>,
    handle: (change: Change<T>) => void,
  ): Informer<T> => {
    const informer = createInformer<T>({ ...options, resource, ...how });
    informer.onChange((change) => {
      if (change.type !== "update" || !isSameContent(change.old, change.object)) handle(change);
    });
    all.push(informer as unknown as Informer<never>);
    return informer;
  };

  // What users ask for. One that goes may free the revision that another waits for.
  const installations = open<MeshInstallation>(meshInstallations, {}, ({ type, object }) => {
    onChange(object.metadata.name);
    if (type === "delete") onChange(undefined);
  });
  // What the operator made of it: deleted or changed by others, it is made anew. A Deployment also tells Ready.
  const operands = new Map<Resource, Informer<KubeObject>>(
    ownedKinds.map((resource) => [
      resource,
      open<KubeObject>(
        resource,
        {
          labelSelector: ownedSelector,
          ...(resource === resources.deployments ? {} : { transform: withoutStatus }),
        },
        ({ object }) => onChange(object.metadata.labels?.[labels.installation]),
      ),
    ]),
  );
  // The CA Secrets by name: no right to read any other. `cacerts` comes and goes as its owner likes.
  const secret = (name: string) =>
    open<KubeObject>(resources.secrets, { fieldSelector: `metadata.name=${name}` }, () =>
      onChange(undefined),
    );
  const [root, authority, brought] = [secret(rootSecret), secret(authoritySecret), secret(broughtSecret)];
  // Definitions that the operator made. Only that one changed is of interest, not the megabytes in it.
  open<KubeObject>(
    resources.customResourceDefinitions,
    { labelSelector: "app.kubernetes.io/part-of=weft", metadataOnly: true },
    onDefinition,
  );

  return {
    installations: () => installations.store.list(),
    installation: (name) => installations.store.get(name),
    operand: (resource, key) => operands.get(resource)?.store.get(key),
    secrets: (namespace, operatorNamespace) => ({
      root: root.store.get(`${operatorNamespace}/${rootSecret}`),
      authority: authority.store.get(`${namespace}/${authoritySecret}`),
      brought: brought.store.get(`${namespace}/${broughtSecret}`),
    }),
    async start() {
      await Promise.all(all.map((informer) => informer.start(signal)));
    },
    async close() {
      await Promise.all(all.map((informer) => informer.close()));
    },
  };
}

function withoutStatus(object: KubeObject): KubeObject {
  delete object.status;
  return object;
}

/** Alike but for what every write changes; others' fields among metadata are compared, as labels decide who owns. */
export function isSameContent(a: KubeObject | MeshInstallation, b: KubeObject | MeshInstallation): boolean {
  if (keyOf(a) !== keyOf(b)) return false;
  const content = (object: KubeObject | MeshInstallation) => {
    const { resourceVersion: _version, managedFields: _managers, ...metadata } = object.metadata;
    return JSON.stringify({ ...object, metadata });
  };
  return content(a) === content(b);
}
