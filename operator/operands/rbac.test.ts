import { describe, expect, it } from "vitest";
import { inputs, makeInstallation } from "../installation.fixture.ts";
import { operatorAccess, operatorClusterRules, operatorNamespaceRules, type PolicyRule } from "../rbac.ts";
import { desired } from "./desired.ts";
import { accessOperands, controlClusterRules, controlNamespaceRules, proxyClusterRules } from "./rbac.ts";

/** `verbs group/resource[names]`, one line for each resource, sorted: what a reviewer reads. */
function lines(rules: readonly PolicyRule[]): string[] {
  return rules
    .flatMap(({ apiGroups = [], resources = [], resourceNames, nonResourceURLs = [], verbs }) => {
      const names = resourceNames === undefined ? "" : ` [${resourceNames.join(" ")}]`;
      const kinds = apiGroups.flatMap((group) =>
        resources.map((resource) => `${group === "" ? "" : `${group}/`}${resource}${names}`),
      );
      return [...kinds, ...nonResourceURLs].map((what) => `${what}: ${[...verbs].sort().join(" ")}`);
    })
    .sort();
}

describe("the rights of control", () => {
  it("in the cluster are these and no others", () => {
    expect(lines(controlClusterRules)).toEqual(
      [
        "/.well-known/openid-configuration: get",
        "/openid/v1/jwks: get",
        "apps/daemonsets: get",
        "apps/deployments: get",
        "apps/replicasets: get",
        "apps/statefulsets: get",
        "authentication.k8s.io/tokenreviews: create",
        "batch/cronjobs: get",
        "batch/jobs: get",
        "discovery.k8s.io/endpointslices: list watch",
        "events.k8s.io/events: create patch",
        "mesh.weft.dev/ratelimits: list watch",
        "mesh.weft.dev/serviceconfigs/status: patch",
        "mesh.weft.dev/serviceconfigs: create delete get list patch watch",
        "mesh.weft.dev/workloadconfigs/status: patch",
        "mesh.weft.dev/workloadconfigs: create delete get list patch watch",
        "namespaces: list watch",
        "networking.istio.io/destinationrules: list watch",
        "networking.istio.io/envoyfilters: list watch",
        "networking.istio.io/serviceentries: list watch",
        "networking.istio.io/virtualservices: list watch",
        "nodes: list watch",
        "pods: get list watch",
        "rbac.authorization.k8s.io/rolebindings [weft-proxy]: create get list patch watch",
        "rbac.authorization.k8s.io/roles [weft-proxy]: create get list patch watch",
        "security.istio.io/authorizationpolicies: list watch",
        "security.istio.io/peerauthentications: list watch",
        "security.istio.io/requestauthentications: list watch",
        "services: get list watch",
      ].sort(),
    );
  });

  it("in its own namespace are its lease's", () => {
    expect(lines(controlNamespaceRules)).toEqual(["coordination.k8s.io/leases: create get update"]);
  });

  it("do not include any Secret, nor escalation", () => {
    const text = JSON.stringify([...controlClusterRules, ...controlNamespaceRules]);
    for (const word of ["secrets", "escalate", 'bind"', "impersonate", "*"]) expect(text).not.toContain(word);
  });
});

describe("the rights of proxies", () => {
  it("are to read compiled services, for every service account", () => {
    expect(lines(proxyClusterRules)).toEqual(["mesh.weft.dev/serviceconfigs: get list watch"]);
    const binding = accessOperands(makeInstallation()).find(
      ({ object }) => object.kind === "ClusterRoleBinding" && object.metadata.name === "weft-proxy-default",
    );
    expect(binding?.object.subjects).toEqual([
      { apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: "system:serviceaccounts" },
    ]);
  });
});

describe("the rights of the operator", () => {
  it("besides those that it grants are these and no others", () => {
    const granted = new Set(lines([...controlClusterRules, ...controlNamespaceRules, ...proxyClusterRules]));
    expect(lines(operatorClusterRules).filter((line) => !granted.has(line))).toEqual(
      [
        "admissionregistration.k8s.io/mutatingwebhookconfigurations: create delete get list patch watch",
        "admissionregistration.k8s.io/validatingwebhookconfigurations: create delete get list patch watch",
        "apiextensions.k8s.io/customresourcedefinitions: create get list patch watch",
        "apps/deployments: create delete get list patch watch",
        "configmaps: create delete get list patch watch",
        "mesh.weft.dev/meshinstallations/finalizers: update",
        "mesh.weft.dev/meshinstallations/status: patch",
        "mesh.weft.dev/meshinstallations: get list patch watch",
        "namespaces: create get",
        "networking.istio.io/virtualservices: create",
        "pods: list",
        "policy/poddisruptionbudgets: create delete get list patch watch",
        "rbac.authorization.k8s.io/clusterrolebindings: create delete get list patch watch",
        "rbac.authorization.k8s.io/clusterroles: create delete get list patch watch",
        "rbac.authorization.k8s.io/rolebindings: create delete get list patch watch",
        "rbac.authorization.k8s.io/roles: create delete get list patch watch",
        "secrets [cacerts]: get list watch",
        "secrets [istio-ca-secret weft-root-ca]: delete get list update watch",
        "secrets: create",
        "serviceaccounts: create delete get list patch watch",
        "services: create delete get list patch watch",
      ].sort(),
    );
    expect(lines(operatorNamespaceRules)).toEqual(["coordination.k8s.io/leases: create get update"]);
  });

  it("hold everything that it grants, so that it need not escalate", () => {
    const held = new Set(lines(operatorClusterRules));
    for (const line of lines([...controlClusterRules, ...controlNamespaceRules, ...proxyClusterRules])) {
      expect(held).toContain(line);
    }
    expect(JSON.stringify(operatorClusterRules)).not.toMatch(/escalate|"bind"|impersonate|"\*"/);
  });

  it("reach every kind that an installation is made of", () => {
    const { controlPlane, webhooks } = desired(makeInstallation(), inputs);
    const held = lines(operatorClusterRules);
    for (const { resource } of [...controlPlane, ...webhooks]) {
      const what = resource.group === "" ? resource.plural : `${resource.group}/${resource.plural}`;
      expect(held).toContain(`${what}: create delete get list patch watch`);
    }
  });

  it("are objects to apply, in the namespace that it runs in", () => {
    const objects = operatorAccess("elsewhere");
    expect(objects.map(({ kind }) => kind)).toEqual([
      "ServiceAccount",
      "ClusterRole",
      "ClusterRoleBinding",
      "Role",
      "RoleBinding",
    ]);
    expect(JSON.stringify(objects)).not.toContain("weft-system");
  });
});
