/** What the operator itself may do; manifests are made of this. */
import { authoritySecret, broughtSecret, operatorNamespace, rootSecret } from "./names.ts";
import {
  controlClusterRules,
  controlNamespaceRules,
  type PolicyRule,
  proxyClusterRules,
} from "./operands/rbac.ts";

export type { PolicyRule } from "./operands/rbac.ts";

const read = ["get", "list", "watch"];
/** Server-side apply is a patch, and a create where there is nothing. */
const keep = [...read, "create", "patch", "delete"];

/** ClusterRole `weft-operator`. */
export const operatorClusterRules: readonly PolicyRule[] = [
  { apiGroups: ["mesh.weft.dev"], resources: ["meshinstallations"], verbs: [...read, "patch"] },
  { apiGroups: ["mesh.weft.dev"], resources: ["meshinstallations/status"], verbs: ["patch"] },
  // Owner references that block the owner's deletion, where that is guarded by admission.
  { apiGroups: ["mesh.weft.dev"], resources: ["meshinstallations/finalizers"], verbs: ["update"] },
  // Never delete: users' resources would go with a definition.
  {
    apiGroups: ["apiextensions.k8s.io"],
    resources: ["customresourcedefinitions"],
    verbs: [...read, "create", "patch"],
  },
  { apiGroups: [""], resources: ["namespaces"], verbs: ["get", "create"] },
  { apiGroups: [""], resources: ["serviceaccounts", "services", "configmaps"], verbs: keep },
  { apiGroups: ["apps"], resources: ["deployments"], verbs: keep },
  { apiGroups: ["policy"], resources: ["poddisruptionbudgets"], verbs: keep },
  {
    apiGroups: ["rbac.authorization.k8s.io"],
    resources: ["clusterroles", "clusterrolebindings", "roles", "rolebindings"],
    verbs: keep,
  },
  {
    apiGroups: ["admissionregistration.k8s.io"],
    resources: ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"],
    verbs: keep,
  },
  // Secrets by name alone. A create cannot be limited by name.
  { apiGroups: [""], resources: ["secrets"], verbs: ["create"] },
  {
    apiGroups: [""],
    resources: ["secrets"],
    resourceNames: [authoritySecret, rootSecret],
    verbs: [...read, "update", "delete"],
  },
  { apiGroups: [""], resources: ["secrets"], resourceNames: [broughtSecret], verbs: read },
  // A dry run proves that the validator is asked.
  { apiGroups: ["networking.istio.io"], resources: ["virtualservices"], verbs: ["create"] },
  // Which pods still need the mesh, when it is to go.
  { apiGroups: [""], resources: ["pods"], verbs: ["list"] },
  { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] },
  // What it grants it has to hold (it may neither bind nor escalate): control's and the proxies' rights.
  ...controlClusterRules,
  ...controlNamespaceRules,
  ...proxyClusterRules,
];

/** Role `weft-operator` in the operator's namespace. */
export const operatorNamespaceRules: readonly PolicyRule[] = [
  { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get", "create", "update"] },
];

/** The operator's identity and its rights, as objects to apply. */
export function operatorAccess(namespace: string = operatorNamespace) {
  const name = "weft-operator";
  const labels = { "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "weft" };
  const group = "rbac.authorization.k8s.io";
  const subjects = [{ kind: "ServiceAccount", name, namespace }];
  const object = (kind: string, metadata: object, rest: object) => ({
    apiVersion: `${group}/v1`,
    kind,
    metadata: { name, labels, ...metadata },
    ...rest,
  });
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace, labels } },
    object("ClusterRole", {}, { rules: operatorClusterRules }),
    object("ClusterRoleBinding", {}, { roleRef: { apiGroup: group, kind: "ClusterRole", name }, subjects }),
    object("Role", { namespace }, { rules: operatorNamespaceRules }),
    object("RoleBinding", { namespace }, { roleRef: { apiGroup: group, kind: "Role", name }, subjects }),
  ];
}
