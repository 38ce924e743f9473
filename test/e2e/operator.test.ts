import { afterAll, describe, expect, it } from "vitest";
import { apply, eventually, get, kubectl, run } from "../support/e2e.ts";

/** A second control plane beside the one that the other tests use, so that it may be broken and removed. */
const revision = "second";
const root = "istio-second";

interface Condition {
  type: string;
  status: string;
  reason: string;
  observedGeneration: number;
}
interface Installation {
  metadata: { generation: number; resourceVersion: string };
  status: { observedGeneration: number; conditions: Condition[] };
}

const installation = {
  apiVersion: "mesh.weft.dev/v1alpha1",
  kind: "MeshInstallation",
  metadata: { name: revision },
  spec: { revision, namespace: root, control: { replicas: 1 } },
};

afterAll(async () => {
  await run("hack/kubectl", ["delete", "meshinstallation", revision, "--ignore-not-found", "--timeout=90s"]);
  await run("hack/kubectl", ["delete", "namespace", root, "--ignore-not-found", "--timeout=90s"]);
});

describe("the operator", () => {
  it("brings a MeshInstallation to Ready, which kubectl wait sees", async () => {
    await apply(installation);
    await kubectl(["wait", `meshinstallation/${revision}`, "--for=condition=Ready", "--timeout=90s"]);
    const found = await get<Installation>(["meshinstallation", revision]);
    for (const type of ["Ready", "Reconciled", "WebhookReady", "CertificatesValid"]) {
      expect(found.status.conditions).toContainEqual(
        expect.objectContaining({ type, status: "True", observedGeneration: found.metadata.generation }),
      );
    }
    expect(found.status.observedGeneration).toBe(found.metadata.generation);
  });

  it.each([
    ["Service", ["service", `control-${revision}`, "-n", root]],
    ["Deployment", ["deployment", `control-${revision}`, "-n", root]],
    ["PodDisruptionBudget", ["poddisruptionbudget", `control-${revision}`, "-n", root]],
    ["mutating webhook", ["mutatingwebhookconfiguration", `istio-sidecar-injector-${revision}`]],
    ["ClusterRole", ["clusterrole", `weft-control-${revision}`]],
  ] as const)("repairs a deleted %s within five seconds", async (_kind, reference) => {
    const before = await get<{ metadata: { uid: string } }>([...reference]);
    await kubectl(["delete", ...reference, "--wait=false"]);
    await eventually(
      "a new object with the name",
      async () =>
        (await get<{ metadata: { uid: string } }>([...reference])).metadata.uid !== before.metadata.uid,
      { timeoutMs: 5_000, everyMs: 100 },
    );
  });

  it("repairs a changed field, and says so in an Event", async () => {
    await kubectl([
      "patch",
      "service",
      `control-${revision}`,
      "-n",
      root,
      "--type=merge",
      "-p",
      '{"spec":{"selector":{"app":"nobody"}}}',
    ]);
    await eventually(
      "the selector is back",
      async () => {
        const found = await get<{ spec: { selector: Record<string, string> } }>([
          "service",
          `control-${revision}`,
          "-n",
          root,
        ]);
        return found.spec.selector.app !== "nobody";
      },
      { timeoutMs: 5_000, everyMs: 100 },
    );
    await eventually("the event", async () => {
      const events = await kubectl([
        "get",
        "events.events.k8s.io",
        "-A",
        "-o",
        "jsonpath={.items[*].reason}",
      ]);
      return events.includes("DriftCorrected");
    });
  });

  it("writes no status when nothing changed", async () => {
    await kubectl(["wait", `meshinstallation/${revision}`, "--for=condition=Ready", "--timeout=90s"]);
    const settled = await eventually(
      "two readings alike",
      async () => {
        const first = await get<Installation>(["meshinstallation", revision]);
        await new Promise((r) => setTimeout(r, 3_000));
        const second = await get<Installation>(["meshinstallation", revision]);
        return first.metadata.resourceVersion === second.metadata.resourceVersion;
      },
      { timeoutMs: 30_000 },
    );
    expect(settled).toBe(true);
  });

  it("refuses to move to another namespace", async () => {
    const output = await run("hack/kubectl", [
      "patch",
      "meshinstallation",
      revision,
      "--type=merge",
      "-p",
      '{"spec":{"namespace":"elsewhere"}}',
    ]);
    expect(output.code).not.toBe(0);
    expect(output.stderr).toContain("spec.namespace");
  });

  it("leaves nothing of a deleted installation but the CRDs", async () => {
    await kubectl(["delete", "meshinstallation", revision, "--timeout=60s"]);
    const left = await kubectl([
      "get",
      "deployment,service,poddisruptionbudget,secret,configmap,serviceaccount,role,rolebinding",
      "-n",
      root,
      "-l",
      "app.kubernetes.io/managed-by=weft-operator",
      "-o",
      "name",
    ]);
    expect(left.trim()).toBe("");
    const clusterWide = await kubectl([
      "get",
      "mutatingwebhookconfiguration,validatingwebhookconfiguration,clusterrole,clusterrolebinding",
      "-o",
      "name",
    ]);
    expect(clusterWide).not.toContain(revision);
    expect(await kubectl(["get", "crd", "virtualservices.networking.istio.io", "-o", "name"])).toContain(
      "virtualservices",
    );
  });
});
