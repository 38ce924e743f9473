import { X509Certificate } from "node:crypto";
import { request } from "node:https";
import type { AddressInfo } from "node:net";
import fastify, { type FastifyInstance } from "fastify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  fakeSource,
  makeAuthority,
  makeCsr,
  type TestAuthority,
} from "../../control/ca/authority.fixture.ts";
import {
  certificateRoutes,
  createCertificateHandler,
  createServing,
  createSigner,
  createTokenKeys,
  createTokenVerifier,
  type Signer,
  servingNames,
} from "../../control/ca/index.ts";
import {
  type Client,
  createClient,
  type KubeObject,
  loadConfig,
  resources,
  silentLog,
  systemClock,
} from "../../kube/index.ts";
import { type ApiServer, startApiServer } from "../support/api-server.ts";

/** The certificate endpoint as control serves it, against a real API server that goes away and comes back. */
const day = 24 * 3_600_000;
const names = servingNames("control-default", "istio-system");

let server: ApiServer;
let client: Client;
let ca: TestAuthority;
let signer: Signer;
let app: FastifyInstance;
let keys: ReturnType<typeof createTokenKeys>;
let serving: ReturnType<typeof createServing>;
let csr: string;
const pods = new Map<string, { namespace: string; serviceAccount: string }>();
const verified: string[] = [];

beforeAll(async () => {
  server = await startApiServer();
  client = createClient(await loadConfig({ kubeconfig: server.kubeconfig }), {
    userAgent: "weft-control/test",
  });
  ca = await makeAuthority({ validity: { notBefore: Date.now() - day, notAfter: Date.now() + 300 * day } });
  csr = (await makeCsr()).pem;
  const common = { clock: systemClock, log: silentLog };
  const authority = fakeSource(ca.authority);
  serving = createServing({ authority, names, ...common });
  keys = createTokenKeys({ client, ...common });
  signer = createSigner({ log: silentLog });
  await Promise.all([serving.start(), keys.start()]);
  const verifier = createTokenVerifier({
    client,
    keys: keys.current,
    findPod: (uid) => pods.get(uid),
    onVerified: (how) => verified.push(how),
    ...common,
  });
  const { key, cert } = serving.current() ?? {};
  app = fastify({ https: { key: key ?? "", cert: cert ?? "" } });
  const handler = createCertificateHandler({
    verifier,
    authority,
    signer,
    trustDomain: () => "cluster.local",
    ...common,
  });
  await app.register(certificateRoutes(handler));
  await app.listen({ host: "127.0.0.1", port: 0 });
});
afterAll(async () => {
  await app?.close();
  await signer?.close();
  serving?.close();
  keys?.close();
  client?.close();
  await server?.close();
});

/** A pod with its account, and a token bound to it as the kubelet projects one; control sees the pod when `seen`. */
async function tokenOf(name: string, options: { audience?: string; seen?: boolean; seconds?: number } = {}) {
  const { audience = "istio-ca", seen = true, seconds = 3600 } = options;
  const meta = { name, namespace: "default" };
  await client.create(resources.serviceAccounts, {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: meta,
  });
  const pod = await client.create<KubeObject>(resources.pods, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: meta,
    spec: { serviceAccountName: name, containers: [{ name: "app", image: "app:test" }] },
  });
  const uid = pod.metadata.uid ?? "";
  if (seen) pods.set(uid, { namespace: "default", serviceAccount: name });
  const boundObjectRef = { kind: "Pod", apiVersion: "v1", name, uid };
  const { body } = await client.request("POST", `/api/v1/namespaces/default/serviceaccounts/${name}/token`, {
    body: {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: { audiences: [audience], boundObjectRef, expirationSeconds: seconds },
    },
  });
  return (body as { status: { token: string } }).status.token;
}

interface Reply {
  status: number;
  body: { certificates?: string[]; trustBundle?: string; notAfter?: string; code?: string };
}

/** Asks as a proxy does: by the Service's name, trusting the mesh's anchors alone. */
function ask(token: string): Promise<Reply> {
  const { port } = app.server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    const call = request(
      {
        host: "127.0.0.1",
        port,
        path: "/v1/certificates",
        method: "POST",
        ca: ca.authority.trustBundle,
        servername: names[0],
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        agent: false,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.once("end", () => {
          const body = JSON.parse(Buffer.concat(chunks).toString("utf8")) as Reply["body"];
          resolve({ status: response.statusCode ?? 0, body });
        });
      },
    );
    call.once("error", reject);
    call.end(JSON.stringify({ csr }));
  });
}

describe("a pod's certificate", () => {
  it("carries the identity that the API server vouches for", async () => {
    const { status, body } = await ask(await tokenOf("cart"));
    expect(status).toBe(201);
    const leaf = new X509Certificate(body.certificates?.[0] ?? "");
    expect(leaf.subjectAltName).toBe("URI:spiffe://cluster.local/ns/default/sa/cart");
    expect(leaf.validToDate.toISOString().replace(".000", "")).toBe(body.notAfter);
    expect(leaf.validToDate.getTime()).toBeGreaterThan(Date.now() + day - 60_000);
    expect(body.trustBundle).toBe(ca.authority.trustBundle);
    expect(verified.at(-1)).toBe("review");
  });

  it.each([
    ["for the API server's own audience", { audience: "https://kubernetes.default.svc.cluster.local" }],
    ["for another service", { audience: "vault" }],
  ])("is not had with a token %s", async (_name, options) => {
    const reply = await ask(await tokenOf(`other-${options.audience.length}`, options));
    expect(reply).toMatchObject({ status: 401, body: { code: "WEFT_CA_BAD_TOKEN" } });
  });

  it("is not had with a token of a pod that was deleted", async () => {
    const token = await tokenOf("gone");
    await client.delete(resources.pods, { namespace: "default", name: "gone", gracePeriodSeconds: 0 });
    await expect.poll(async () => (await ask(token)).status, { timeout: 30_000, interval: 500 }).toBe(401);
  });

  it("is not had with something that is no token", async () => {
    expect(await ask("nonsense")).toMatchObject({ status: 401, body: { code: "WEFT_CA_BAD_TOKEN" } });
  });
});

describe("a pod's certificate while the API server is away", () => {
  it("is had by pods that control has seen, by the token's own signature", async () => {
    const [known, unseen] = [await tokenOf("known"), await tokenOf("unseen", { seen: false })];
    const wrong = await tokenOf("elsewhere", { audience: "vault" });
    await server.stop();
    const reply = await ask(known);
    expect(reply.status).toBe(201);
    const leaf = new X509Certificate(reply.body.certificates?.[0] ?? "");
    expect(leaf.subjectAltName).toBe("URI:spiffe://cluster.local/ns/default/sa/known");
    expect(verified.at(-1)).toBe("offline");
    expect(await ask(unseen)).toMatchObject({ status: 403, body: { code: "WEFT_CA_UNKNOWN_POD" } });
    expect(await ask(wrong)).toMatchObject({ status: 401, body: { code: "WEFT_CA_BAD_TOKEN" } });
    const forged = `${known.slice(0, -8)}AAAAAAAA`;
    expect(await ask(forged)).toMatchObject({ status: 401, body: { code: "WEFT_CA_BAD_TOKEN" } });
  });

  it("is asked of the API server again when it is back", async () => {
    await server.start();
    const token = await tokenOf("back");
    await expect
      .poll(async () => (await ask(token)).status === 201 && verified.at(-1), {
        timeout: 15_000,
        interval: 500,
      })
      .not.toBe(false);
    const fresh = await tokenOf("fresh", { seen: false });
    await expect.poll(async () => (await ask(fresh)).status, { timeout: 15_000, interval: 500 }).toBe(201);
    expect(verified).toContain("review");
  });
});
