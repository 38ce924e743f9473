import { createServer, type Server } from "node:https";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createAuthority } from "../../hack/hermetic/pki.ts";
import { isForbidden, type KubeObject, resources } from "../../kube/index.ts";
import { readInstallation } from "../../operator/installation.ts";
import { probeValidator } from "../../operator/webhook-probe.ts";
import { type OperatorBench, type RunningOperator, startOperatorBench } from "../support/operator.ts";

/** How the validator of this test answers: it has no pods to run in, so the API server is pointed at 127.0.0.1. */
type Answer = "deny" | "allow" | "fail";

let bench: OperatorBench;
let operator: RunningOperator;
let webhook: Server;
let answer: Answer;
const seen: { request: { name: string; namespace: string; dryRun: boolean } }[] = [];

beforeAll(async () => {
  bench = await startOperatorBench();
  operator = await bench.start();
  const authority = await createAuthority("webhook-test");
  const pair = await authority.issue({ commonName: "webhook", ips: ["127.0.0.1"] });
  webhook = createServer({ cert: pair.certificate, key: pair.key }, (request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    request.on("end", () => {
      const review = JSON.parse(text) as {
        request: { uid: string; name: string; namespace: string; dryRun: boolean };
      };
      seen.push(review);
      if (answer === "fail") return response.writeHead(500).end();
      const status = { code: 422, reason: "Invalid", message: "refused by the test" };
      const verdict = {
        uid: review.request.uid,
        allowed: answer === "allow",
        ...(answer === "deny" ? { status } : {}),
      };
      return response
        .writeHead(200, { "content-type": "application/json" })
        .end(
          JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response: verdict }),
        );
    });
  });
  await new Promise<void>((done) => webhook.listen(0, "127.0.0.1", done));
  const address = webhook.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  await bench.create(resources.namespaces, { metadata: { name: "istio-system" } });
  await bench.create(resources.validatingWebhookConfigurations, {
    metadata: { name: "validator-of-the-test" },
    webhooks: [
      {
        name: "rev.validation.istio.io",
        clientConfig: {
          url: `https://127.0.0.1:${port}/validate`,
          caBundle: Buffer.from(authority.certificate).toString("base64"),
        },
        rules: [
          {
            operations: ["CREATE"],
            apiGroups: ["networking.istio.io"],
            apiVersions: ["*"],
            resources: ["*"],
          },
        ],
        objectSelector: { matchLabels: { "istio.io/rev": "default" } },
        failurePolicy: "Fail",
        sideEffects: "None",
        timeoutSeconds: 2,
        admissionReviewVersions: ["v1"],
      },
    ],
  });
});
afterAll(async () => {
  webhook?.closeAllConnections();
  webhook?.close();
  await bench?.close();
});

const probe = async (revision = "default") => {
  const client = await bench.clientOf("weft-system", "weft-operator");
  const installation = readInstallation(
    { metadata: { name: "default" }, spec: { revision } },
    { control: "c", proxy: "p" },
  );
  try {
    return await probeValidator(client, installation, AbortSignal.timeout(15_000));
  } finally {
    client.close();
  }
};

describe("the webhook probe", () => {
  it("holds once the API server asks the validator and heeds it", async () => {
    answer = "deny";
    // API servers learn of a webhook configuration by watch.
    await expect
      .poll(() => probe(), { timeout: 30_000, interval: 50 })
      .toMatchObject({ status: "True", reason: "Answering" });
    expect(seen.at(-1)?.request).toMatchObject({
      name: "weft-webhook-probe",
      namespace: "istio-system",
      dryRun: true,
    });
  });

  it("fails when the validator lets everything pass, or answers with an error", async () => {
    answer = "allow";
    expect(await probe()).toMatchObject({ status: "False", reason: "NotCalled" });
    answer = "fail";
    expect(await probe()).toMatchObject({ status: "False", reason: "CallFailed" });
  });

  it("fails when the API server does not ask for objects of the revision", async () => {
    answer = "deny";
    expect(await probe("other")).toMatchObject({ status: "False", reason: "NotCalled" });
  });

  it("stores nothing", async () => {
    const virtualServices = {
      group: "networking.istio.io",
      version: "v1",
      plural: "virtualservices",
      kind: "VirtualService",
      namespaced: true,
    };
    expect((await bench.admin.list(virtualServices)).items).toEqual([]);
  });
});

describe("the account of control", () => {
  it("may do what control does, and no more", async () => {
    await bench.install("default", {});
    await bench.makeAvailable("istio-system", "default");
    await bench.reaches("default", "Ready", "True");
    const control = await bench.clientOf("istio-system", "control-default");
    const compiled = {
      group: "mesh.weft.dev",
      version: "v1alpha1",
      plural: "workloadconfigs",
      kind: "",
      namespaced: true,
    };
    const role = (name: string, rules: object[]): KubeObject => ({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "Role",
      metadata: { name, namespace: "default" },
      rules,
    });
    const readConfigs = {
      apiGroups: ["mesh.weft.dev"],
      resources: ["workloadconfigs"],
      verbs: ["get", "list", "watch"],
    };
    const subject = {
      kind: "Group",
      apiGroup: "rbac.authorization.k8s.io",
      name: "system:serviceaccounts:default",
    };
    const binding = (name: string): KubeObject => ({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata: { name, namespace: "default" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name },
      subjects: [subject],
    });
    const how = { fieldManager: "weft-control" };
    const review = {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenReview",
      metadata: { name: "" },
      spec: { token: "x" },
    };
    const allowed = await Promise.allSettled([
      control.list(resources.pods),
      control.list(resources.nodes, { metadataOnly: true }),
      control.list(resources.endpointSlices),
      control.list(compiled),
      control.list(resources.roles, { fieldSelector: "metadata.name=weft-proxy" }),
      control.create(resources.tokenReviews, review),
      control.request("GET", "/openid/v1/jwks"),
      control.request("GET", "/.well-known/openid-configuration"),
      control
        .apply(resources.roles, role("weft-proxy", [readConfigs]), how)
        .then(() => control.apply(resources.roleBindings, binding("weft-proxy"), how)),
    ]);
    expect(allowed.filter(({ status }) => status === "rejected")).toEqual([]);
    const refused = await Promise.allSettled([
      control.list(resources.secrets),
      control.get(resources.secrets, { namespace: "istio-system", name: "istio-ca-secret" }),
      control.list(resources.roles),
      control.apply(
        resources.roles,
        role("weft-proxy", [{ ...readConfigs, verbs: ["delete", "update"] }]),
        how,
      ),
      control.apply(resources.roles, role("another", [readConfigs]), how),
      control.apply(resources.roleBindings, binding("another"), how),
      control.delete(resources.pods, { namespace: "default", name: "any" }),
      control.get(resources.deployments, { namespace: "default", name: "any" }).catch((error: unknown) => {
        if (isForbidden(error)) throw new Error("control may read owners");
        throw Object.assign(new Error("not found, as it should be"), { expected: true });
      }),
    ]);
    const last = refused.pop();
    expect(last).toMatchObject({ status: "rejected", reason: { expected: true } });
    for (const outcome of refused) {
      expect(outcome.status === "rejected" && isForbidden(outcome.reason)).toBe(true);
    }
    control.close();
    await operator.stop();
  });

  it("leaves a pod's account the public configuration alone", async () => {
    await bench.create(resources.serviceAccounts, { metadata: { name: "app", namespace: "default" } });
    await bench.create(resources.serviceAccounts, { metadata: { name: "app", namespace: "kube-public" } });
    const pod = await bench.clientOf("default", "app");
    const elsewhere = await bench.clientOf("kube-public", "app");
    const kind = (plural: string) => ({
      group: "mesh.weft.dev",
      version: "v1alpha1",
      plural,
      kind: "",
      namespaced: true,
    });
    await pod.list(kind("serviceconfigs"));
    // By the Role that control wrote above.
    await pod.list(kind("workloadconfigs"), { namespace: "default" });
    const refused = await Promise.allSettled([
      pod.list(kind("workloadconfigs")),
      elsewhere.list(kind("workloadconfigs"), { namespace: "default" }),
      pod.list(resources.pods, { namespace: "default" }),
      pod.patch(kind("serviceconfigs"), { namespace: "default", name: "a", type: "merge", body: {} }),
    ]);
    for (const outcome of refused) {
      expect(outcome.status === "rejected" && isForbidden(outcome.reason)).toBe(true);
    }
    pod.close();
    elsewhere.close();
  });
});
