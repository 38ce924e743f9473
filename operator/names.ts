/** Names that the operator gives; others rely on them (proxies on the Service, users on the webhook configurations). */

/** The operator's own namespace, unless WEFT_OPERATOR_NAMESPACE says otherwise. */
export const operatorNamespace = "weft-system";
/** Field manager of everything that the operator writes. */
export const fieldManager = "weft-operator";

export const labels = {
  managedBy: "app.kubernetes.io/managed-by",
  partOf: "app.kubernetes.io/part-of",
  name: "app.kubernetes.io/name",
  installation: "mesh.weft.dev/installation",
  revision: "mesh.weft.dev/revision",
} as const;

/** Selects what belongs to an installation. */
export const ownedSelector = `${labels.managedBy}=weft-operator,${labels.installation}`;

/** On every operand: the hash of what was applied, so that a changed wish is told from a changed object. */
export const appliedAnnotation = "mesh.weft.dev/applied";

/** `control-REV`: Deployment, Service, ServiceAccount, PodDisruptionBudget, Role of one control plane. */
export const controlName = (revision: string) => `control-${revision}`;
export const controlRoleName = (revision: string) => `weft-control-${revision}`;
export const proxyRoleName = (revision: string) => `weft-proxy-${revision}`;
export const settingsName = (revision: string) => `weft-mesh-${revision}`;

/** As Istio names them, so that tools which look for them find them. */
export const injectorName = (revision: string) =>
  revision === "default" ? "istio-sidecar-injector" : `istio-sidecar-injector-${revision}`;
export const validatorName = (revision: string, namespace: string) =>
  revision === "default" ? `istio-validator-${namespace}` : `istio-validator-${revision}-${namespace}`;

/** The intermediate that control signs with. */
export const authoritySecret = "istio-ca-secret";
/** The user's own, with the same keys; where it exists it takes the place of `istio-ca-secret`. */
export const broughtSecret = "cacerts";
/** The self-signed root and its key, in the operator's namespace. */
export const rootSecret = "weft-root-ca";

/** The Role and RoleBinding that control writes into injected namespaces. */
export const proxyAccessName = "weft-proxy";

export const ports = { certificates: 15012, webhooks: 15017, monitoring: 15014 } as const;
