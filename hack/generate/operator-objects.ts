/** The Kubernetes objects that run the operator. */
import { type Kind, userKinds } from "../../crds/index.ts";
import { operatorAccess } from "../../operator/rbac.ts";

const namespace = "weft-system";
const name = "weft-operator";
const labels = {
  "app.kubernetes.io/name": name,
  "app.kubernetes.io/component": "operator",
  "app.kubernetes.io/part-of": "weft",
};
const selector = { "app.kubernetes.io/name": name };

/** File name to its objects, in the order in which they are applied. */
export function operatorObjects(): Map<string, readonly unknown[]> {
  return new Map<string, readonly unknown[]>([
    [
      "namespace.yaml",
      [
        {
          apiVersion: "v1",
          kind: "Namespace",
          metadata: {
            name: namespace,
            labels: {
              ...labels,
              "istio-injection": "disabled",
              "pod-security.kubernetes.io/enforce": "restricted",
            },
          },
        },
      ],
    ],
    // What the operator may do is said beside its code.
    ["access.yaml", operatorAccess(namespace)],
    ["user-roles.yaml", [userRole("view"), userRole("edit")]],
    ["deployment.yaml", [deployment()]],
  ]);
}

/** Whoever may view or edit a namespace may do the same with its mesh resources. */
function userRole(role: "view" | "edit") {
  const plurals = (group: string, kinds: readonly Kind[]) =>
    kinds.filter((kind) => kind.group === group).map((kind) => kind.plural);
  const verbs =
    role === "view"
      ? ["get", "list", "watch"]
      : ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];
  const groups = [...new Set(userKinds.map((kind) => kind.group))];
  const compiled = {
    apiGroups: ["mesh.weft.dev"],
    resources: ["serviceconfigs", "workloadconfigs"],
    verbs: ["get", "list", "watch"],
  };
  return {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: {
      name: `weft-${role}`,
      labels: {
        ...labels,
        ...(role === "view" ? { "rbac.authorization.k8s.io/aggregate-to-view": "true" } : {}),
        "rbac.authorization.k8s.io/aggregate-to-edit": "true",
        "rbac.authorization.k8s.io/aggregate-to-admin": "true",
      },
    },
    rules: [
      ...groups.map((group) => ({ apiGroups: [group], resources: plurals(group, userKinds), verbs })),
      ...(role === "view" ? [compiled] : []),
    ],
  };
}

function deployment() {
  const image = "weft.dev/operator:dev";
  const field = (path: string) => ({ valueFrom: { fieldRef: { fieldPath: path } } });
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace, labels },
    spec: {
      replicas: 1,
      selector: { matchLabels: selector },
      template: {
        metadata: {
          labels: { ...labels, "sidecar.istio.io/inject": "false" },
          annotations: {
            "kubectl.kubernetes.io/default-container": "operator",
            "prometheus.io/scrape": "true",
            "prometheus.io/port": "8080",
            "prometheus.io/path": "/metrics",
          },
        },
        spec: {
          serviceAccountName: name,
          securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
          containers: [
            {
              name: "operator",
              image,
              imagePullPolicy: "IfNotPresent",
              env: [
                { name: "POD_NAME", ...field("metadata.name") },
                { name: "WEFT_OPERATOR_NAMESPACE", ...field("metadata.namespace") },
                { name: "WEFT_CONTROL_IMAGE", value: image },
                { name: "WEFT_PROXY_IMAGE", value: "weft.dev/proxy:dev" },
              ],
              ports: [{ name: "http", containerPort: 8080 }],
              livenessProbe: {
                httpGet: { path: "/healthz", port: "http" },
                periodSeconds: 10,
                failureThreshold: 6,
              },
              readinessProbe: { httpGet: { path: "/readyz", port: "http" }, periodSeconds: 2 },
              resources: { requests: { cpu: "20m", memory: "96Mi" }, limits: { memory: "384Mi" } },
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ["ALL"] },
              },
            },
          ],
        },
      },
    },
  };
}
