/**
 * What the operator may do in the cluster, and why.
 *
 * It makes roles for control and for proxies, so it needs `escalate` and `bind` on roles instead of every permission
 * that it hands on. Deleting CustomResourceDefinitions is not among its rights: users' manifests would go with them.
 */
export interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

const manage = ["get", "list", "watch", "create", "update", "patch", "delete"] as const;

export const operatorRules: readonly PolicyRule[] = [
  // What users ask for, and its state.
  {
    apiGroups: ["mesh.weft.dev"],
    resources: ["meshinstallations", "meshinstallations/status", "meshinstallations/finalizers"],
    verbs: ["get", "list", "watch", "update", "patch"],
  },
  // The kinds themselves.
  {
    apiGroups: ["apiextensions.k8s.io"],
    resources: ["customresourcedefinitions"],
    verbs: ["get", "list", "watch", "create", "update", "patch"],
  },
  // The root namespace is made when it is missing, and stays.
  {
    apiGroups: [""],
    resources: ["namespaces"],
    verbs: ["get", "list", "watch", "create", "update", "patch"],
  },
  // The control plane's objects.
  { apiGroups: [""], resources: ["configmaps", "secrets", "serviceaccounts", "services"], verbs: manage },
  { apiGroups: ["apps"], resources: ["deployments"], verbs: manage },
  { apiGroups: ["policy"], resources: ["poddisruptionbudgets"], verbs: manage },
  {
    apiGroups: ["rbac.authorization.k8s.io"],
    resources: ["clusterroles", "clusterrolebindings", "roles", "rolebindings"],
    verbs: [...manage, "escalate", "bind"],
  },
  {
    apiGroups: ["admissionregistration.k8s.io"],
    resources: ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"],
    verbs: manage,
  },
  // Which pods still carry a sidecar, before it removes what they depend on.
  { apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch"] },
  { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["get", "list", "watch"] },
  // Its own election and Events.
  { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get", "create", "update", "patch"] },
  { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create", "patch", "update"] },
];
