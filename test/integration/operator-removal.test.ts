import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isForbidden, type Resource, resources } from "../../kube/index.ts";
import { meshInstallations } from "../../operator/watches.ts";
import {
  eventually,
  type OperatorBench,
  type RunningOperator,
  startOperatorBench,
} from "../support/operator.ts";

let bench: OperatorBench;
beforeAll(async () => {
  bench = await startOperatorBench();
});
afterAll(() => bench?.close());

describe("a MeshInstallation that is deleted", () => {
  const namespace = "istio-system";
  let operator: RunningOperator;

  beforeAll(async () => {
    operator = await bench.start();
    await bench.install("default", {});
    await bench.makeAvailable(namespace, "default");
    await bench.reaches("default", "Ready", "True");
  });
  afterAll(() => operator.stop());

  it("keeps serving, and says for whom, while pods still carry its sidecar", async () => {
    const names = ["app", "job-that-ended"];
    for (const name of names) {
      await bench.create(resources.pods, {
        metadata: {
          name,
          namespace: "default",
          labels: { "security.istio.io/tlsMode": "istio" },
          annotations: { "istio.io/rev": "default" },
        },
        spec: { containers: [{ name: "app", image: "app:test" }] },
      });
    }
    await bench.admin.patch(resources.pods, {
      namespace: "default",
      name: "job-that-ended",
      type: "merge",
      subresource: "status",
      body: { status: { phase: "Succeeded" } },
    });
    await bench.admin.delete(meshInstallations, { name: "default" });
    const condition = await bench.reaches("default", "Deleting", "True", "WorkloadsStillInjected");
    expect(condition.message).toMatch(/^1 running pods have a sidecar of revision default: default\/app; /);
    expect(await operator.metric("weft_operator_deletion_blocking_pods")).toBe(1);
    // Still repaired.
    await bench.admin.delete(resources.services, { namespace, name: "control-default" });
    await eventually(
      "the Service is back",
      () => bench.admin.get(resources.services, { namespace, name: "control-default" }),
      5_000,
    );
    expect(await bench.owned("default")).toHaveLength(13);
  });

  it("is taken down in order once they are gone: webhooks, control, roles, the CA Secret last", async () => {
    const watched: [what: string, resource: Resource, at: { namespace?: string; name: string }][] = [
      ["authority", resources.secrets, { namespace, name: "istio-ca-secret" }],
      ["control", resources.deployments, { namespace, name: "control-default" }],
      ["installation", meshInstallations, { name: "default" }],
      ["roles", resources.clusterRoles, { name: "weft-control-default" }],
      ["webhooks", resources.validatingWebhookConfigurations, { name: "istio-validator-istio-system" }],
    ];
    const goes = async ([what, resource, { namespace, name }]: (typeof watched)[0], since?: string) => {
      const how = { namespace, fieldSelector: `metadata.name=${name}`, resourceVersion: since };
      for await (const { type, object } of bench.admin.watch(resource, how, AbortSignal.timeout(45_000))) {
        // The API server counts all changes in their order.
        if (type === "DELETED") return { what, at: Number(object.metadata.resourceVersion) };
      }
      throw new Error(`the watch of ${name} ended`);
    };
    const found = await Promise.all(watched.map(([, resource, at]) => bench.admin.get(resource, at)));
    const going = Promise.all(watched.map((each, i) => goes(each, found[i]?.metadata.resourceVersion)));
    going.catch(() => {});
    const from = Date.now();
    await bench.admin.delete(resources.pods, { namespace: "default", name: "app", gracePeriodSeconds: 0 });
    await eventually("it is gone", () => bench.isGone(meshInstallations, { name: "default" }), 30_000);
    const gone = (await going).sort((a, b) => a.at - b.at).map(({ what }) => what);
    expect(gone).toEqual(["webhooks", "control", "roles", "authority", "installation"]);
    // API servers were given time to forget the webhooks before control went.
    expect(Date.now() - from).toBeGreaterThan(2_000);
    expect(await bench.owned("default")).toEqual([]);
    expect(await bench.isGone(resources.secrets, { namespace: "weft-system", name: "weft-root-ca" })).toBe(
      true,
    );
    expect(
      await bench.isGone(resources.customResourceDefinitions, {
        name: "virtualservices.networking.istio.io",
      }),
    ).toBe(false);
    expect(await bench.isGone(resources.namespaces, { name: namespace })).toBe(false);
  });

  it("goes at once when that is forced, leaving what sidecars still run from", async () => {
    await bench.install("forced", { revision: "forced", namespace: "istio-forced" });
    await bench.create(resources.pods, {
      metadata: {
        name: "stranded",
        namespace: "default",
        labels: { "security.istio.io/tlsMode": "istio" },
        annotations: { "istio.io/rev": "forced" },
      },
      spec: { containers: [{ name: "app", image: "app:test" }] },
    });
    const serviceConfigs = {
      ...meshInstallations,
      plural: "serviceconfigs",
      kind: "ServiceConfig",
      namespaced: true,
    };
    await bench.create(serviceConfigs, {
      metadata: {
        name: "index.forced",
        namespace: "default",
        labels: { "mesh.weft.dev/revision": "forced" },
      },
      spec: {},
    });
    await bench.admin.delete(meshInstallations, { name: "forced" });
    await bench.reaches("forced", "Deleting", "True", "WorkloadsStillInjected");
    await bench.admin.patch(meshInstallations, {
      name: "forced",
      type: "merge",
      body: { metadata: { annotations: { "mesh.weft.dev/force-delete": "true" } } },
    });
    await eventually("it is gone", () => bench.isGone(meshInstallations, { name: "forced" }), 30_000);
    expect(
      await bench.isGone(resources.secrets, { namespace: "istio-forced", name: "istio-ca-secret" }),
    ).toBe(false);
    expect(await bench.isGone(serviceConfigs, { namespace: "default", name: "index.forced" })).toBe(false);
    expect(await bench.owned("forced")).toEqual([]);
  });
});

describe("definitions of Istio's kinds", () => {
  it("that were there before are left as they are, and used", async () => {
    const name = "peerauthentications.security.istio.io";
    const definition = await bench.admin.get(resources.customResourceDefinitions, { name });
    await bench.admin.patch(resources.customResourceDefinitions, {
      name,
      type: "merge",
      body: {
        metadata: { labels: { "app.kubernetes.io/managed-by": "helm" } },
        spec: { names: { ...(definition.spec as { names: object }).names, shortNames: ["theirs"] } },
      },
    });
    const operator = await bench.start();
    await bench.install("guest", { revision: "guest", namespace: "istio-guest" });
    await bench.makeAvailable("istio-guest", "guest");
    await bench.reaches("guest", "Ready", "True");
    const after = await bench.admin.get(resources.customResourceDefinitions, { name });
    expect(after.metadata.labels?.["app.kubernetes.io/managed-by"]).toBe("helm");
    expect((after.spec as { names: { shortNames: string[] } }).names.shortNames).toEqual(["theirs"]);
    await bench.admin.delete(meshInstallations, { name: "guest" });
    await eventually("it is gone", () => bench.isGone(meshInstallations, { name: "guest" }), 30_000);
    await operator.stop();
  });
});

describe("two operators", () => {
  it("never work at once, and the second takes over from the first", async () => {
    const [first, second] = [await bench.start({ identity: "one" }), await bench.start({ identity: "two" })];
    await eventually(
      "a leader",
      async () => first.election?.isLeader() === true || second.election?.isLeader() === true,
    );
    expect(first.election?.isLeader() === second.election?.isLeader()).toBe(false);
    const [leader, reserve] = first.election?.isLeader() === true ? [first, second] : [second, first];
    await bench.install("handed-over", { revision: "handed-over", namespace: "istio-handed" });
    await bench.makeAvailable("istio-handed", "handed-over");
    await bench.reaches("handed-over", "Ready", "True");
    const root = await bench.admin.get(resources.secrets, { namespace: "weft-system", name: "weft-root-ca" });

    await leader.stop();
    await eventually("the other leads", async () => reserve.election?.isLeader() === true);
    await bench.admin.delete(resources.services, { namespace: "istio-handed", name: "control-handed-over" });
    await eventually("it is repaired", () =>
      bench.admin.get(resources.services, { namespace: "istio-handed", name: "control-handed-over" }),
    );
    const after = await bench.admin.get(resources.secrets, {
      namespace: "weft-system",
      name: "weft-root-ca",
    });
    expect(after.metadata.resourceVersion).toBe(root.metadata.resourceVersion);
    await bench.admin.delete(meshInstallations, { name: "handed-over" });
    await eventually("it is gone", () => bench.isGone(meshInstallations, { name: "handed-over" }), 30_000);
    await reserve.stop();
  });
});

describe("the operator's rights", () => {
  it("do not reach other Secrets, nor any definition's deletion", async () => {
    const client = await bench.clientOf("weft-system", "weft-operator");
    await bench.create(resources.secrets, { metadata: { name: "private", namespace: "default" } });
    const tries = [
      client.get(resources.secrets, { namespace: "default", name: "private" }),
      client.list(resources.secrets),
      client.delete(resources.customResourceDefinitions, { name: "virtualservices.networking.istio.io" }),
      client.create(resources.clusterRoles, {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRole",
        metadata: { name: "more" },
        rules: [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }],
      }),
    ];
    for (const result of await Promise.allSettled(tries)) {
      expect(result.status === "rejected" && isForbidden(result.reason)).toBe(true);
    }
    client.close();
  });
});
