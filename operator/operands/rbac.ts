import { resources } from "../../kube/index.ts";
import type { Installation } from "../installation.ts";
import { controlName, controlRoleName, proxyAccessName, proxyRoleName } from "../names.ts";
import { type Operand, operand } from "./operand.ts";

/** rbac.authorization.k8s.io/v1 PolicyRule. */
export interface PolicyRule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly verbs: readonly string[];
}

const read = ["get", "list", "watch"];
const follow = ["list", "watch"];

/** What control may do in the whole cluster, each line for a reason. */
export const controlClusterRules: readonly PolicyRule[] = [
  // The compiler's inputs; get: the uid of an owner.
  { apiGroups: [""], resources: ["pods", "services"], verbs: read },
  { apiGroups: [""], resources: ["namespaces", "nodes"], verbs: follow },
  { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: follow },
  {
    apiGroups: ["networking.istio.io"],
    resources: ["virtualservices", "destinationrules", "serviceentries", "envoyfilters"],
    verbs: follow,
  },
  {
    apiGroups: ["security.istio.io"],
    resources: ["peerauthentications", "authorizationpolicies", "requestauthentications"],
    verbs: follow,
  },
  { apiGroups: ["mesh.weft.dev"], resources: ["ratelimits"], verbs: follow },
  // Owners of compiled objects, so that Kubernetes collects them with the workload.
  {
    apiGroups: ["apps"],
    resources: ["deployments", "replicasets", "statefulsets", "daemonsets"],
    verbs: ["get"],
  },
  { apiGroups: ["batch"], resources: ["jobs", "cronjobs"], verbs: ["get"] },
  // What it compiles.
  {
    apiGroups: ["mesh.weft.dev"],
    resources: ["serviceconfigs", "workloadconfigs"],
    verbs: [...read, "create", "patch", "delete"],
  },
  {
    apiGroups: ["mesh.weft.dev"],
    resources: ["serviceconfigs/status", "workloadconfigs/status"],
    verbs: ["patch"],
  },
  // Proxies' access to their own WorkloadConfigs. It holds what it grants, so it needs neither bind nor escalate.
  {
    apiGroups: ["rbac.authorization.k8s.io"],
    resources: ["roles", "rolebindings"],
    resourceNames: [proxyAccessName],
    verbs: [...read, "create", "patch"],
  },
  // Whose a token is, asked of the API server, or told from its keys while it is away.
  { apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"] },
  { nonResourceURLs: ["/.well-known/openid-configuration", "/openid/v1/jwks"], verbs: ["get"] },
  { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] },
];

/** What control may do in its own namespace: elect the replica that writes. */
export const controlNamespaceRules: readonly PolicyRule[] = [
  { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get", "create", "update"] },
];

/** What every pod of the cluster may read: services' configuration is public, as Services are. */
export const proxyClusterRules: readonly PolicyRule[] = [
  { apiGroups: ["mesh.weft.dev"], resources: ["serviceconfigs"], verbs: read },
];

const group = "rbac.authorization.k8s.io";

/** ServiceAccount of control, its roles, and the proxies' cluster-wide one. */
export function accessOperands(installation: Installation): Operand[] {
  const { revision, namespace } = installation;
  const account = controlName(revision);
  const controlSubject = [{ kind: "ServiceAccount", name: account, namespace }];
  const anyPod = [{ apiGroup: group, kind: "Group", name: "system:serviceaccounts" }];
  const roleRef = (kind: "Role" | "ClusterRole", name: string) => ({ apiGroup: group, kind, name });
  const make = (...args: [Parameters<typeof operand>[1], Parameters<typeof operand>[2]]) =>
    operand(installation, ...args);
  return [
    make(resources.serviceAccounts, { name: account }),
    make(resources.clusterRoles, { name: controlRoleName(revision), rules: controlClusterRules }),
    make(resources.clusterRoleBindings, {
      name: controlRoleName(revision),
      roleRef: roleRef("ClusterRole", controlRoleName(revision)),
      subjects: controlSubject,
    }),
    make(resources.roles, { name: controlName(revision), rules: controlNamespaceRules }),
    make(resources.roleBindings, {
      name: controlName(revision),
      roleRef: roleRef("Role", controlName(revision)),
      subjects: controlSubject,
    }),
    make(resources.clusterRoles, { name: proxyRoleName(revision), rules: proxyClusterRules }),
    make(resources.clusterRoleBindings, {
      name: proxyRoleName(revision),
      roleRef: roleRef("ClusterRole", proxyRoleName(revision)),
      subjects: anyPod,
    }),
  ];
}
