import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findCondition, type KubeObject, type Resource, resources } from "../../kube/index.ts";
import { meshInstallations } from "../../operator/watches.ts";
import {
  eventually,
  type OperatorBench,
  type RunningOperator,
  startOperatorBench,
  version,
} from "../support/operator.ts";

let bench: OperatorBench;
beforeAll(async () => {
  bench = await startOperatorBench();
});
afterAll(() => bench?.close());

describe("a MeshInstallation", () => {
  const namespace = "istio-system";
  let operator: RunningOperator;

  beforeAll(async () => {
    operator = await bench.start();
  });
  afterAll(() => operator.stop());

  it("with an empty spec becomes a control plane that is Ready once it serves", async () => {
    await bench.install("default", {});
    await bench.reaches("default", "Ready", "False", "ControlNotAvailable");
    expect(
      await bench.isGone(resources.mutatingWebhookConfigurations, { name: "istio-sidecar-injector" }),
    ).toBe(true);
    await bench.makeAvailable(namespace, "default");
    await bench.reaches("default", "Ready", "True");
    const { status, metadata } = await bench.installation("default");
    for (const type of ["Reconciled", "Ready", "WebhookReady", "CertificatesValid"]) {
      expect(findCondition(status?.conditions, type)).toMatchObject({
        status: "True",
        observedGeneration: metadata.generation,
      });
    }
    expect(status).toMatchObject({
      observedGeneration: metadata.generation,
      state: "Healthy",
      activeRevision: "default",
      trustDomain: "cluster.local",
      version,
    });
    expect(Date.parse(status?.caExpiry ?? "")).toBeGreaterThan(Date.now() + 360 * 24 * 3_600_000);
    expect(metadata.finalizers).toEqual(["mesh.weft.dev/operator"]);
  });

  it("owns one object of every name that others rely on", async () => {
    const names = (await bench.owned("default")).map(
      ({ resource, object }) => `${resource.kind}/${object.metadata.name}`,
    );
    expect(names.sort()).toEqual(
      [
        "ClusterRole/weft-control-default",
        "ClusterRole/weft-proxy-default",
        "ClusterRoleBinding/weft-control-default",
        "ClusterRoleBinding/weft-proxy-default",
        "ConfigMap/weft-mesh-default",
        "Deployment/control-default",
        "MutatingWebhookConfiguration/istio-sidecar-injector",
        "PodDisruptionBudget/control-default",
        "Role/control-default",
        "RoleBinding/control-default",
        "Service/control-default",
        "ServiceAccount/control-default",
        "ValidatingWebhookConfiguration/istio-validator-istio-system",
      ].sort(),
    );
    for (const { object } of await bench.owned("default")) {
      expect(object.metadata.ownerReferences).toEqual([
        expect.objectContaining({ kind: "MeshInstallation", name: "default" }),
      ]);
    }
  });

  it("settles: nothing is written while nothing changes", async () => {
    const all = async () => [
      await bench.installation("default"),
      ...(await bench.owned("default")).map(({ object }) => object),
    ];
    const versions = (objects: Awaited<ReturnType<typeof all>>) =>
      objects.map(({ metadata }) => `${metadata.uid} ${metadata.resourceVersion}`).sort();
    const before = await eventually("all as it was a while ago", async () => {
      const found = await all();
      await sleep(1_500);
      return isDeepStrictEqual(versions(await all()), versions(found)) && found;
    });
    const applies = await operator.metric("weft_operator_applies_total");
    // A change that concerns nothing: looked at, and left.
    await bench.admin.patch(resources.services, {
      namespace,
      name: "control-default",
      type: "merge",
      body: { metadata: { annotations: { "example.com/note": "mine" } } },
    });
    await sleep(1_500);
    const after = await all();
    const changed = after.filter(
      ({ metadata }) =>
        before.find(({ metadata: { uid } }) => uid === metadata.uid)?.metadata.resourceVersion !==
        metadata.resourceVersion,
    );
    expect(changed.map(({ metadata }) => metadata.name)).toEqual(["control-default"]);
    expect(await operator.metric("weft_operator_applies_total")).toBe(applies);
  });

  it("repairs every owned object that is deleted within five seconds, and counts it", async () => {
    const times: Record<string, number> = {};
    for (const { resource, object } of await bench.owned("default")) {
      const { name, namespace, uid } = object.metadata;
      const counted = await operator.metric("weft_operator_drift_corrections_total", { kind: resource.kind });
      await bench.admin.delete(resource, { namespace, name });
      const from = Date.now();
      await eventually(
        `${resource.kind} is back`,
        async () => {
          const found = await bench.admin.get(resource, { namespace, name });
          return found.metadata.uid !== uid;
        },
        5_000,
      );
      times[`${resource.kind}/${name}`] = Date.now() - from;
      await eventually(
        "it is counted",
        async () =>
          (await operator.metric("weft_operator_drift_corrections_total", { kind: resource.kind })) ===
          counted + 1,
      );
    }
    expect(Object.keys(times)).toHaveLength(13);
    expect(Math.max(...Object.values(times))).toBeLessThan(5_000);
    await bench.makeAvailable(namespace, "default");
    await bench.reaches("default", "Ready", "True");
  });

  it.each<[string, Resource, string, string | undefined, object, (object: KubeObject) => unknown, unknown]>([
    [
      "a Service's selector",
      resources.services,
      "control-default",
      namespace,
      { spec: { selector: { app: "nobody" } } },
      (o) => (o.spec as { selector: { app: string } }).selector.app,
      "control",
    ],
    [
      "a Deployment's replicas",
      resources.deployments,
      "control-default",
      namespace,
      { spec: { replicas: 0 } },
      (o) => (o.spec as { replicas: number }).replicas,
      2,
    ],
    [
      "the rules of a ClusterRole",
      resources.clusterRoles,
      "weft-proxy-default",
      undefined,
      { rules: [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }] },
      (o) => o.rules,
      [{ apiGroups: ["mesh.weft.dev"], resources: ["serviceconfigs"], verbs: ["get", "list", "watch"] }],
    ],
    [
      "the mesh's settings",
      resources.configMaps,
      "weft-mesh-default",
      namespace,
      { data: { "mesh.json": "{}" } },
      (o) =>
        (JSON.parse((o.data as { "mesh.json": string })["mesh.json"]) as { trustDomain?: string })
          .trustDomain,
      "cluster.local",
    ],
    [
      "our label",
      resources.podDisruptionBudgets,
      "control-default",
      namespace,
      { metadata: { labels: { "mesh.weft.dev/installation": null } } },
      (o) => o.metadata.labels?.["mesh.weft.dev/installation"],
      "default",
    ],
    [
      "a webhook's failure policy",
      resources.validatingWebhookConfigurations,
      "istio-validator-istio-system",
      undefined,
      { webhooks: [] },
      (o) => (o.webhooks as { failurePolicy: string }[] | undefined)?.[0]?.failurePolicy,
      "Fail",
    ],
  ])("repairs %s within five seconds", async (_what, resource, name, namespace, body, pick, expected) => {
    await bench.admin.patch(resource, { name, namespace, type: "merge", body });
    await eventually(
      "it is as it was",
      async () => isDeepStrictEqual(pick(await bench.admin.get(resource, { name, namespace })), expected),
      5_000,
    );
  });

  it("tells of drift in an Event on the MeshInstallation", async () => {
    const found = await eventually("the event", async () => {
      const { items } = await bench.admin.list(resources.events, { namespace: "default" });
      return items.find(
        (event) => event.reason === "DriftCorrected" && String(event.note).includes("spec.selector.app"),
      );
    });
    expect(found.note).toBe(
      'Service istio-system/control-default: spec.selector.app: found "nobody", expected "control"',
    );
    expect(found.regarding).toMatchObject({ kind: "MeshInstallation", name: "default" });
  });

  it("makes the CA Secret anew under the same root when it is deleted", async () => {
    const at = { namespace, name: "istio-ca-secret" };
    const before = await bench.admin.get<KubeObject>(resources.secrets, at);
    await bench.admin.delete(resources.secrets, at);
    const after = await eventually(
      "the Secret",
      () => bench.admin.get<KubeObject>(resources.secrets, at),
      5_000,
    );
    const data = (secret: KubeObject) => secret.data as Record<string, string>;
    expect(data(after)["root-cert.pem"]).toBe(data(before)["root-cert.pem"]);
    expect(data(after)["ca-cert.pem"]).not.toBe(data(before)["ca-cert.pem"]);
  });

  it("signs with the user's own authority as soon as there is one", async () => {
    const made = await bench.admin.get(resources.secrets, { namespace, name: "istio-ca-secret" });
    await bench.create(resources.secrets, { metadata: { name: "cacerts", namespace }, data: made.data });
    const secretName = (o: KubeObject) =>
      (
        o.spec as { template: { spec: { volumes: { name: string; secret?: { secretName: string } }[] } } }
      ).template.spec.volumes.find(({ name }) => name === "ca")?.secret?.secretName;
    const mounts = (name: string) =>
      eventually(
        `control mounts ${name}`,
        async () =>
          secretName(await bench.admin.get(resources.deployments, { namespace, name: "control-default" })) ===
          name,
      );
    await mounts("cacerts");
    await bench.admin.delete(resources.secrets, { namespace, name: "cacerts" });
    await mounts("istio-ca-secret");
  });

  it("says what is wrong with an authority that cannot be used, and touches nothing of it", async () => {
    const data = { "ca-cert.pem": Buffer.from("no").toString("base64") };
    await bench.create(resources.secrets, { metadata: { name: "cacerts", namespace }, data });
    const condition = await bench.reaches("default", "CertificatesValid", "False", "SecretInvalid");
    expect(condition.message).toContain("Secret istio-system/cacerts");
    await bench.reaches("default", "Ready", "False", "SecretInvalid");
    expect((await bench.admin.get(resources.secrets, { namespace, name: "cacerts" })).data).toEqual(data);
    await bench.admin.delete(resources.secrets, { namespace, name: "cacerts" });
    await bench.reaches("default", "Ready", "True");
  });

  it("follows a change of its spec, and leaves everything as it is while paused", async () => {
    const patch = (spec: object) =>
      bench.admin.patch(meshInstallations, { name: "default", type: "merge", body: { spec } });
    await patch({ accessLog: true, control: { replicas: 3 } });
    const at = { namespace, name: "control-default" };
    const replicas = async () =>
      ((await bench.admin.get(resources.deployments, at)).spec as { replicas: number }).replicas;
    await eventually("three replicas", async () => (await replicas()) === 3);
    await patch({ paused: true });
    await bench.reaches("default", "Reconciled", "Unknown", "Paused");
    await bench.admin.patch(resources.deployments, { ...at, type: "merge", body: { spec: { replicas: 1 } } });
    await sleep(1_000);
    expect(await replicas()).toBe(1);
    await patch({ paused: false });
    await eventually("three replicas again", async () => (await replicas()) === 3);
    await bench.reaches("default", "Reconciled", "True");
  });

  it("is refused a move to another namespace by the API server", async () => {
    await expect(
      bench.admin.patch(meshInstallations, {
        name: "default",
        type: "merge",
        body: { spec: { namespace: "elsewhere" } },
      }),
    ).rejects.toThrow(/spec\.namespace/);
  });

  it("of a revision that another has is told so, and harms nothing", async () => {
    await bench.install("latecomer", { namespace: "istio-late" });
    const condition = await bench.reaches("latecomer", "Reconciled", "False", "Conflict");
    expect(condition.message).toContain('"default" is MeshInstallation default\'s');
    expect((await bench.installation("latecomer")).metadata.finalizers).toBeUndefined();
    expect(await bench.owned("latecomer")).toEqual([]);
    await bench.admin.delete(meshInstallations, { name: "latecomer" });
    await bench.reaches("default", "Reconciled", "True");
  });

  it("does not take over a webhook configuration that is another's", async () => {
    await bench.create(resources.mutatingWebhookConfigurations, {
      metadata: { name: "istio-sidecar-injector-taken" },
      webhooks: [],
    });
    await bench.install("taken", { revision: "taken", namespace: "istio-taken" });
    await bench.makeAvailable("istio-taken", "taken");
    const condition = await bench.reaches("taken", "Reconciled", "False", "NameTaken");
    expect(condition.message).toContain(
      "MutatingWebhookConfiguration istio-sidecar-injector-taken exists and belongs to",
    );
    await bench.admin.delete(resources.mutatingWebhookConfigurations, {
      name: "istio-sidecar-injector-taken",
    });
    await bench.admin.delete(meshInstallations, { name: "taken" });
    await eventually("it is gone", () => bench.isGone(meshInstallations, { name: "taken" }));
    expect(await bench.isGone(resources.secrets, { namespace: "istio-taken", name: "istio-ca-secret" })).toBe(
      true,
    );
    // The root is the other installation's too.
    expect(await bench.isGone(resources.secrets, { namespace: "weft-system", name: "weft-root-ca" })).toBe(
      false,
    );
  });
});
