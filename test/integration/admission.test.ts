/** The webhook's answers as a real API server takes them, and as kubectl prints them. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { dirname, join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { parse } from "yaml";
import { allKinds, definitionName } from "../../crds/index.ts";
import { ensureBinaries } from "../../hack/hermetic/binaries.ts";
import { createAuthority } from "../../hack/hermetic/pki.ts";
import { ApiError, type Client, createClient, loadConfig } from "../../kube/index.ts";
import { handleInject, handleValidate, injectionSettings } from "../../webhook/index.ts";
import { type ApiServer, startApiServer } from "../support/api-server.ts";
import { everyField } from "./crds/full.ts";

const root = resolve(import.meta.dirname, "../..");
const folder = join(root, "webhook/inject/testdata");

let api: ApiServer;
let webhook: Server;
let client: Client;
let kube: string;

beforeAll(async () => {
  api = await startApiServer();
  ({ kube } = await ensureBinaries(() => {}));
  client = createClient(await loadConfig({ kubeconfig: api.kubeconfig }), { userAgent: "weft-test/1" });
  const authority = await createAuthority("weft-webhook");
  const pair = await authority.issue({ commonName: "webhook", dns: ["localhost"], ips: ["127.0.0.1"] });
  webhook = await serve(pair.certificate, pair.key);
  const { port } = webhook.address() as AddressInfo;
  const manifests = allKinds.flatMap((kind) => ["-f", `crds/manifests/${definitionName(kind)}.yaml`]);
  expect(await kubectl(["apply", ...manifests])).toMatchObject({ code: 0 });
  expect(await kubectl(["wait", "--for=condition=Established", "crds", "--all"])).toMatchObject({ code: 0 });
  for (const [name, labels] of [
    ["meshed", { "istio-injection": "enabled" }],
    ["bare", {}],
  ] as const) {
    await client.request("POST", "/api/v1/namespaces", { body: { metadata: { name, labels } } });
  }
  const entry = (name: string, path: string, more: Record<string, unknown>) => ({
    name: `${name}.weft.dev`,
    clientConfig: {
      url: `https://127.0.0.1:${port}${path}`,
      caBundle: Buffer.from(authority.certificate).toString("base64"),
    },
    failurePolicy: "Fail",
    sideEffects: "None",
    admissionReviewVersions: ["v1"],
    ...more,
  });
  const injector = entry("inject", "/inject", {
    namespaceSelector: { matchLabels: { "istio-injection": "enabled" } },
    rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }],
    reinvocationPolicy: "IfNeeded",
  });
  const validator = entry("validate", "/validate", {
    rules: [
      {
        apiGroups: ["networking.istio.io", "security.istio.io"],
        apiVersions: ["*"],
        operations: ["CREATE", "UPDATE"],
        resources: ["*"],
      },
    ],
  });
  const configurations = "/apis/admissionregistration.k8s.io/v1";
  await client.request("POST", `${configurations}/mutatingwebhookconfigurations`, {
    body: { metadata: { name: "inject" }, webhooks: [injector] },
  });
  await client.request("POST", `${configurations}/validatingwebhookconfigurations`, {
    body: { metadata: { name: "validate" }, webhooks: [validator] },
  });
  await inForce();
}, 120_000);

afterAll(async () => {
  client?.close();
  await api?.close();
  webhook?.closeAllConnections();
  await new Promise((done) => (webhook === undefined ? done(undefined) : webhook.close(done)));
});

async function serve(cert: string, key: string): Promise<Server> {
  const settings = injectionSettings({ proxyImage: "weft.dev/proxy:test", caRoot: "PEM" });
  const server = createServer({ cert, key }, async (request, response) => {
    const review: unknown = JSON.parse(await text(request));
    const answer = request.url?.startsWith("/inject")
      ? handleInject(review, settings)
      : handleValidate(review);
    response.setHeader("content-type", "application/json").end(JSON.stringify(answer));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return server;
}

/** Configurations take effect when the API server's own watch brings them. */
async function inForce(): Promise<void> {
  const probe = { metadata: { name: "probe" }, spec: { containers: [{ name: "app", image: "app" }] } };
  const refused = ["create", "-n", "bare", "--dry-run=server", "-f", "-"];
  await vi.waitFor(
    async () => {
      expect(proxies(await dryRun("meshed", probe))).toBe(1);
      expect(await kubectl(refused, virtualService("-1", "1"))).toMatchObject({ code: 1 });
    },
    { timeout: 30_000, interval: 100 },
  );
}

/** Other API servers set the service account themselves, before they ask; here the plugin that does is off. */
async function dryRun(
  namespace: string,
  pod: { readonly metadata: object; readonly spec: object },
): Promise<{ metadata: Record<string, unknown>; spec: Record<string, unknown> }> {
  const { body } = await client.request("POST", `/api/v1/namespaces/${namespace}/pods`, {
    query: { dryRun: "All" },
    body: { ...pod, spec: { serviceAccountName: "default", ...pod.spec } },
  });
  return body as { metadata: Record<string, unknown>; spec: Record<string, unknown> };
}

/** Why the API server does not take a pod; undefined when it does. */
async function refusal(namespace: string, pod: Parameters<typeof dryRun>[1]): Promise<string | undefined> {
  try {
    await dryRun(namespace, pod);
    return undefined;
  } catch (error) {
    if (error instanceof ApiError) return error.message;
    throw error;
  }
}

function proxies(pod: { readonly spec: object }): number {
  const { initContainers = [], containers } = pod.spec as Record<string, { name: string }[] | undefined>;
  return [...initContainers, ...(containers ?? [])].filter(({ name }) => name === "istio-proxy").length;
}

/** Asynchronous, as the webhook that kubectl's requests come to runs in this very process. */
async function kubectl(args: readonly string[], input = "") {
  const command = ["kubectl", "--kubeconfig", api.kubeconfig, ...args];
  const env = { ...process.env, KUBECACHEDIR: join(dirname(api.kubeconfig), "kubectl-cache") };
  const child = spawn(kube, command, { cwd: root, env, stdio: "pipe" });
  child.stdin.end(input);
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return { code: code as number | null, out, err };
}

function virtualService(...weights: string[]): string {
  const routes = weights.map((weight, index) => `    - {destination: {host: h${index}}, weight: ${weight}}`);
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: payment}
spec:
  hosts: [payment]
  http:
  - route:
${routes.join("\n")}
`;
}

describe("injected pods are pods", () => {
  const shapes = readdirSync(folder)
    .filter((file) => file.endsWith(".case.yaml"))
    .map(
      (file) =>
        parse(readFileSync(join(folder, file), "utf8")) as {
          what: string;
          pod: { metadata: object; spec: object };
        },
    );

  test("the API server takes with a sidecar what it takes without one", async () => {
    let taken = 0;
    for (const { what, pod } of shapes) {
      // Some shapes are made for the injector's eyes alone.
      if ((await refusal("bare", pod)) !== undefined) continue;
      const refused = await refusal("meshed", pod);
      if (refused === undefined) taken++;
      else expect(refused, what).toContain("metadata.annotations[sidecar.istio.io/proxyCPU]");
    }
    expect(taken).toBeGreaterThan(30);
  });

  test("a pod that is injected by hand is not injected again", async () => {
    const injected = await dryRun("meshed", {
      metadata: { name: "a" },
      spec: { containers: [{ name: "app", image: "app" }] },
    });
    const { labels, annotations } = injected.metadata;
    const twice = await dryRun("meshed", {
      metadata: { name: "a", labels, annotations },
      spec: injected.spec,
    });
    expect(proxies(twice)).toBe(1);
  });

  test("kubectl prints why a pod is refused, and the warnings of one that is not", async () => {
    const pod = (annotations: string) => `apiVersion: v1
kind: Pod
metadata: {name: wrong, annotations: {${annotations}}}
spec: {serviceAccountName: default, containers: [{name: app, image: app}]}
`;
    const refused = await kubectl(
      ["create", "-n", "meshed", "-f", "-"],
      pod("sidecar.istio.io/proxyCPU: fast, sidecar.istio.io/logLevel: loud"),
    );
    expect(refused.err).toContain(`The Pod "wrong" is invalid: 
* metadata.annotations[sidecar.istio.io/logLevel]: Unsupported value: "loud": supported values: "trace", "debug", "info", "warning", "error", "critical", "off"
* metadata.annotations[sidecar.istio.io/proxyCPU]: Invalid value: "fast": must be a quantity, such as 100m or 128Mi
`);
    const warned = await kubectl(
      ["create", "-n", "meshed", "--dry-run=server", "-f", "-"],
      pod("sidecar.istio.io/interceptionMode: TPROXY"),
    );
    expect(warned).toMatchObject({
      code: 0,
      err: "Warning: sidecar.istio.io/interceptionMode: TPROXY is served as REDIRECT\n",
    });
  });
});

describe("kubectl apply", () => {
  test("prints one bullet for each error of a mesh resource", async () => {
    const { code, err } = await kubectl(
      ["apply", "-n", "bare", "-f", "-"],
      virtualService("-5", "10").replace("[payment]", '["*"]'),
    );
    expect(code).toBe(1);
    expect(err).toContain(`The VirtualService "payment" is invalid: 
* spec.hosts[0]: Invalid value: "*": "*" is allowed only in a VirtualService bound to gateways alone
* spec.http[0].route[0].weight: Invalid value: -5: must be a whole number from 0 to 2147483647
`);
  });

  test("says on one line what the only error is", async () => {
    const { err } = await kubectl(["apply", "-n", "bare", "-f", "-"], virtualService("0", "0"));
    expect(err).toContain(
      'The VirtualService "payment" is invalid: spec.http[0].route: Invalid value: 0: total destination weight = 0: at least one of several destinations needs a weight above 0\n',
    );
  });

  test("warns of suspicious weights, and admits them", async () => {
    expect(await kubectl(["apply", "-n", "bare", "-f", "-"], virtualService("90", "20"))).toMatchObject({
      code: 0,
      err: "Warning: spec.http[0].route: the weights add up to 110, not 100; each is taken as its share of 110\n",
    });
  });

  test("admits the manifests of the overview", async () => {
    await kubectl(["create", "namespace", "production"]);
    await kubectl(["create", "namespace", "istio-system"]);
    const documents = readFileSync(join(root, "examples/overview.yaml"), "utf8").split(/^---$/m);
    const served = documents.filter((document) =>
      allKinds.some(({ kind }) => document.includes(`kind: ${kind}\n`)),
    );
    expect(served.length).toBeGreaterThan(10);
    for (const document of served) {
      const { code, err } = await kubectl(["apply", "-f", "-"], document);
      expect(code, err).toBe(0);
      for (const line of err.split("\n").filter((each) => each !== ""))
        expect(line).toMatch(/^Warning: .* not honoured yet/);
    }
  });
});

test("the validators know every field of the schemas", () => {
  for (const [plural, specs] of Object.entries(everyField)) {
    const kind = allKinds.find((candidate) => candidate.plural === plural);
    for (const spec of specs as readonly Record<string, unknown>[]) {
      // Each member by itself, as only so many warnings are kept.
      for (const member of Object.keys(spec)) {
        const object = {
          apiVersion: `${kind?.group}/v1`,
          kind: kind?.kind,
          metadata: {},
          spec: { [member]: spec[member] },
        };
        const request = { uid: "u", operation: "CREATE", object };
        const { response } = handleValidate({
          apiVersion: "admission.k8s.io/v1",
          kind: "AdmissionReview",
          request,
        });
        expect((response?.warnings ?? []).filter((warning) => warning.includes("unknown field"))).toEqual([]);
      }
    }
  }
});
