import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { request } from "node:https";
import { createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createIntermediate, createRoot, readSigningKey } from "../../control/ca/index.ts";
import { createCompiler } from "../../control/compile/index.ts";
import { bareHostName } from "../../control/compile/names.ts";
import { type Control, startControl } from "../../control/control.ts";
import { createControlMetrics } from "../../control/metrics.ts";
import { serviceConfigs, workloadConfigs } from "../../control/publish/write.ts";
import { customResourceDefinitions } from "../../crds/index.ts";
import type { ServiceConfigStatus } from "../../crds/service-config.ts";
import type { WorkloadConfigStatus } from "../../crds/workload-config.ts";
import {
  type Client,
  createClient,
  createInformer,
  createLog,
  isNotFound,
  type KubeObject,
  type Level,
  loadConfig,
  type MetaObject,
  type Resource,
  resources,
  silentLog,
  systemClock,
} from "../../kube/index.ts";
import type { CompiledJson } from "../../proxy/config/testdata.ts";
import { type ApiServer, startApiServer } from "../support/api-server.ts";
import { canary, subsets } from "../support/mesh.ts";
import { application, exchange, ok, TestProxy, TestServer } from "../support/proxy.ts";

const virtualServices: Resource = {
  group: "networking.istio.io",
  version: "v1beta1",
  plural: "virtualservices",
  kind: "VirtualService",
  namespaced: true,
};
const destinationRules: Resource = {
  ...virtualServices,
  plural: "destinationrules",
  kind: "DestinationRule",
};
const serviceEntries: Resource = { ...virtualServices, plural: "serviceentries", kind: "ServiceEntry" };
const requestAuthentications: Resource = {
  group: "security.istio.io",
  version: "v1",
  plural: "requestauthentications",
  kind: "RequestAuthentication",
  namespaced: true,
};
const rateLimits: Resource = {
  group: "mesh.weft.dev",
  version: "v1alpha1",
  plural: "ratelimits",
  kind: "RateLimit",
  namespaced: true,
};
const namespace = "shop";
const fieldManager = "test";

let server: ApiServer;
let client: Client;
let caFolder = "";
let root = "";
const running: Control[] = [];

beforeAll(async () => {
  server = await startApiServer();
  client = createClient(await loadConfig({ kubeconfig: server.kubeconfig }), { userAgent: "weft-test" });
  for (const definition of customResourceDefinitions()) {
    await client.apply(resources.customResourceDefinitions, definition as unknown as KubeObject, {
      fieldManager,
    });
  }
  for (const name of ["istio-system", namespace]) {
    const labels = name === namespace ? { "istio-injection": "enabled" } : {};
    await client.create(resources.namespaces, {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name, labels },
    });
  }
  const validity = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 86_400_000 };
  const anchor = await createRoot("test root", validity);
  const signing = await createIntermediate(await readSigningKey(anchor), "test CA", validity);
  root = anchor.certificate;
  caFolder = await mkdtemp(join(tmpdir(), "weft-ca-"));
  await Promise.all([
    writeFile(join(caFolder, "ca-cert.pem"), signing.certificate),
    writeFile(join(caFolder, "ca-key.pem"), signing.key),
    writeFile(join(caFolder, "root-cert.pem"), root),
    writeFile(join(caFolder, "cert-chain.pem"), signing.certificate),
    writeFile(
      join(caFolder, "mesh.json"),
      JSON.stringify({ proxy: { image: "weft.dev/proxy:test" }, localKeyAddresses: true }),
    ),
  ]);
});
afterAll(async () => {
  for (const control of running) await control.stop(0);
  client?.close();
  await server?.close();
  await rm(caFolder, { recursive: true, force: true });
});

async function start(
  identity: string,
): Promise<Control & { metrics: ReturnType<typeof createControlMetrics> }> {
  const metrics = createControlMetrics();
  const control = await startControl({
    client: createClient(await loadConfig({ kubeconfig: server.kubeconfig }), { userAgent: "weft-control" }),
    createCompiler,
    revision: "default",
    namespace: "istio-system",
    identity,
    ports: { webhooks: 0, certificates: 0, health: 0 },
    host: "127.0.0.1",
    meshFile: join(caFolder, "mesh.json"),
    caFolder,
    clock: systemClock,
    random: Math.random,
    log: createLog({ level: (process.env.WEFT_TEST_LOG as Level | undefined) ?? "error" }),
    metrics,
  });
  running.push(control);
  return { ...control, metrics };
}
async function stop(control: Control): Promise<void> {
  running.splice(
    running.findIndex(({ done }) => done === control.done),
    1,
  );
  await control.stop(0);
}
async function until<T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
  ms = 15_000,
): Promise<T> {
  const deadline = Date.now() + ms;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(10);
  }
}
interface Compiled<S> extends MetaObject {
  status?: S;
}
const read = async <S>(resource: Resource, name: string): Promise<Compiled<S> | undefined> => {
  try {
    return await client.get<Compiled<S>>(resource, { namespace, name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
};
const compiled = <S>(resource: Resource, name: string, check: (status: S) => boolean = () => true) =>
  until(`${resource.kind} ${name}`, async () => {
    const object = await read<S>(resource, name);
    return object?.status !== undefined && check(object.status)
      ? { ...object, status: object.status }
      : undefined;
  });
/** Weight by subset of the route that no header leads to. */
const weightsOf = ({ service }: ServiceConfigStatus): Record<string, number> => {
  const action = service?.common.http.at(-1)?.action;
  const destinations = action?.kind === "forward" ? action.destinations : [];
  return Object.fromEntries(destinations.map(({ subset, weight }) => [subset, weight]));
};
const versions = async () => {
  const lists = await Promise.all([
    client.list(serviceConfigs, { namespace }),
    client.list(workloadConfigs, { namespace }),
  ]);
  return Object.fromEntries(
    lists.flatMap(({ items }) => items.map(({ metadata }) => [`${metadata.name}`, metadata.resourceVersion])),
  );
};

async function deploy(name: string, version: string, address: string): Promise<MetaObject> {
  const workload = `${name}-${version}`;
  const labels = { app: name, version, "security.istio.io/tlsMode": "istio" };
  const container = { name: "app", image: "app", ports: [{ containerPort: 8080 }] };
  await client.create(resources.deployments, {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: workload, namespace },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [container] } },
    },
  } as KubeObject);
  const pod = await client.create(resources.pods, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: `${workload}-abc`,
      namespace,
      labels,
      annotations: { "mesh.weft.dev/workload": `Deployment/${workload}`, "sidecar.istio.io/status": "{}" },
    },
    spec: { serviceAccountName: name, containers: [container] },
  } as KubeObject);
  await client.patch(resources.pods, {
    namespace,
    name: pod.metadata.name,
    type: "merge",
    subresource: "status",
    body: { status: { phase: "Running", podIP: address, podIPs: [{ ip: address }] } },
  });
  return pod;
}

describe("control", () => {
  it("waits with readiness until it has a certificate and has listed the cluster, then leads", async () => {
    const control = await start("one");
    await until("ready", () => control.notReady() === undefined || undefined);
    await until("leading", () => control.isLeader() || undefined);
  });

  it("publishes index, service, endpoints and workloads of what is deployed, with labels and owners", async () => {
    const service = await client.create(resources.services, {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "payment-service", namespace },
      spec: { selector: { app: "payment-service" }, ports: [{ name: "http", port: 80, targetPort: 8080 }] },
    } as KubeObject);
    const v1 = await deploy("payment-service", "v1", "198.18.0.11");
    const v2 = await deploy("payment-service", "v2", "198.18.0.12");
    const endpoint = (pod: MetaObject, address: string) => ({
      addresses: [address],
      conditions: { ready: true, serving: true, terminating: false },
      targetRef: { kind: "Pod", name: pod.metadata.name, namespace },
    });
    await client.create(resources.endpointSlices, {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        name: "payment-service-abc",
        namespace,
        labels: { "kubernetes.io/service-name": "payment-service" },
      },
      addressType: "IPv4",
      ports: [{ name: "http", port: 8080, protocol: "TCP" }],
      endpoints: [endpoint(v1, "198.18.0.11"), endpoint(v2, "198.18.0.12")],
    } as KubeObject);

    const index = await compiled<ServiceConfigStatus>(
      serviceConfigs,
      "index.default",
      ({ index }) => index?.services.some(({ name }) => name === "payment-service") === true,
    );
    const key = index.status.index?.services[0]?.key ?? "";
    expect(key).toMatch(/^[0-9a-f]{16}$/);
    expect(index.metadata.labels).toEqual({
      "mesh.weft.dev/revision": "default",
      "mesh.weft.dev/part": "index",
      "mesh.weft.dev/key": "index",
    });
    expect(index.metadata.ownerReferences).toBeUndefined();
    expect(index.status.index?.services[0]).toMatchObject({
      name: "payment-service",
      addresses: [(service.spec as unknown as { clusterIP: string }).clusterIP],
      ports: [{ port: 80, protocol: "http" }],
    });

    const part = await compiled<ServiceConfigStatus>(serviceConfigs, "payment-service.service.default");
    expect(part.metadata.labels).toMatchObject({ "mesh.weft.dev/part": "service", "mesh.weft.dev/key": key });
    expect(part.metadata.ownerReferences).toMatchObject([
      { apiVersion: "v1", kind: "Service", name: "payment-service", uid: service.metadata.uid },
    ]);
    expect(part.status.hash).toMatch(/^[0-9a-f]{16}$/);
    expect(Date.now() - Date.parse(part.status.writtenAt ?? "")).toBeLessThan(60_000);

    const endpoints = await compiled<ServiceConfigStatus>(
      serviceConfigs,
      "payment-service.endpoints-0.default",
      ({ endpoints }) => endpoints?.endpoints.length === 2,
    );
    expect(endpoints.status.endpoints?.endpoints[0]).toMatchObject({
      address: "198.18.0.11",
      ports: [{ port: 80, target: 8080 }],
      ready: true,
      mtls: true,
      identity: `spiffe://cluster.local/ns/${namespace}/sa/payment-service`,
    });

    const workload = await compiled<WorkloadConfigStatus>(
      workloadConfigs,
      "deployment-payment-service-v1.default",
    );
    const deployment = await client.get(resources.deployments, { namespace, name: "payment-service-v1" });
    expect(workload.metadata.ownerReferences).toMatchObject([
      { apiVersion: "apps/v1", kind: "Deployment", name: "payment-service-v1", uid: deployment.metadata.uid },
    ]);
    expect(workload.status).toMatchObject({
      workload: { kind: "Deployment", name: "payment-service-v1", namespace },
      mtls: "PERMISSIVE",
      trustDomain: "cluster.local",
    });
    expect(workload.status.trustBundle.trim()).toBe(root.trim());
  });

  it("lets the namespace's proxies read its WorkloadConfigs, and no other's", async () => {
    await until("the binding", () =>
      client.get(resources.roleBindings, { namespace, name: "weft-proxy" }).catch(() => undefined),
    );
    const may = async (where: string, resource: string, verb = "watch") => {
      const review = await client.create<KubeObject>(resources.subjectAccessReviews, {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SubjectAccessReview",
        metadata: { name: "" },
        spec: {
          user: `system:serviceaccount:${namespace}:payment-service`,
          groups: ["system:serviceaccounts", `system:serviceaccounts:${namespace}`],
          resourceAttributes: { namespace: where, group: "mesh.weft.dev", resource, verb },
        },
      });
      return (review.status as { allowed: boolean }).allowed;
    };
    await until("the permission", async () => (await may(namespace, "workloadconfigs")) || undefined);
    expect(await may("istio-system", "workloadconfigs")).toBe(false);
    expect(await may(namespace, "workloadconfigs", "update")).toBe(false);
    expect(await may(namespace, "secrets", "get")).toBe(false);
    await client.delete(resources.roles, { namespace, name: "weft-proxy" });
    await until("the role is put back", () =>
      client.get(resources.roles, { namespace, name: "weft-proxy" }).catch(() => undefined),
    );
  });

  it("writes routes and subsets when they are applied", async () => {
    await client.apply(destinationRules, subsets(namespace) as KubeObject, { fieldManager });
    await client.apply(virtualServices, canary(namespace, 10) as KubeObject, { fieldManager });
    const part = await compiled<ServiceConfigStatus>(
      serviceConfigs,
      "payment-service.service.default",
      ({ service }) => service?.common.http.length === 2 && service.common.clusters.length === 3,
    );
    expect(weightsOf(part.status)).toEqual({ v1: 90, v2: 10 });
    expect(part.status.generations.join()).toContain(`VirtualService/${namespace}/payment-service@1`);
  });

  it("writes nothing when nothing changed", async () => {
    await sleep(300);
    const before = await versions();
    const body = { metadata: { annotations: { note: "changes no route" } } };
    const target = { namespace, name: "payment-service", type: "merge", body, fieldManager } as const;
    await client.patch(virtualServices, target);
    await client.patch(resources.services, target);
    await client.patch(resources.pods, {
      namespace,
      name: "payment-service-v1-abc",
      type: "merge",
      subresource: "status",
      body: { status: { message: "still there" } },
    });
    await client.apply(virtualServices, canary(namespace, 10) as KubeObject, { fieldManager });
    await sleep(1500);
    expect(await versions()).toEqual(before);
  });

  it("writes a change of weights at once", async () => {
    const seen = new Map<string, number>();
    const stopWatching = new AbortController();
    const watcher = createInformer<Compiled<ServiceConfigStatus>>({
      client,
      resource: serviceConfigs,
      namespace,
      clock: systemClock,
      random: Math.random,
      log: silentLog,
    });
    watcher.onChange(({ object }) => {
      for (const generation of object.status?.generations ?? []) {
        if (!seen.has(generation)) seen.set(generation, performance.now());
      }
    });
    await watcher.start(stopWatching.signal);
    const lags: number[] = [];
    for (let weight = 11; weight <= 50; weight++) {
      const applied = await client.apply(virtualServices, canary(namespace, weight) as KubeObject, {
        fieldManager,
      });
      const returned = performance.now();
      const generation = `VirtualService/${namespace}/payment-service@${applied.metadata.generation}`;
      const at = await until(generation, () => seen.get(generation), 5_000);
      lags.push(at - returned);
      await sleep(120);
    }
    await watcher.close();
    lags.sort((a, b) => a - b);
    const [p50, p99] = [lags[lags.length >> 1] ?? 0, lags.at(-1) ?? 0];
    console.log(`from apply's return to the watcher: p50 ${p50.toFixed(1)} ms, max ${p99.toFixed(1)} ms`);
    expect(p50).toBeLessThan(100);
  });

  it("repairs what others change or delete", async () => {
    const name = "payment-service.service.default";
    const before = await compiled<ServiceConfigStatus>(serviceConfigs, name);
    await client.patch(serviceConfigs, {
      namespace,
      name,
      type: "merge",
      subresource: "status",
      body: { status: { hash: "0000000000000000" } },
    });
    await compiled<ServiceConfigStatus>(serviceConfigs, name, ({ hash }) => hash === before.status.hash);
    await client.delete(serviceConfigs, { namespace, name });
    const again = await compiled<ServiceConfigStatus>(serviceConfigs, name);
    expect(again.status.hash).toBe(before.status.hash);
    expect(again.metadata.uid).not.toBe(before.metadata.uid);
  });

  it("deletes what belongs to a service that is gone", async () => {
    await client.create(resources.services, {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "short-lived", namespace },
      spec: { ports: [{ port: 80 }] },
    } as KubeObject);
    await compiled<ServiceConfigStatus>(serviceConfigs, "short-lived.service.default");
    await client.delete(resources.services, { namespace, name: "short-lived" });
    await until("its parts are gone", async () =>
      (await read(serviceConfigs, "short-lived.service.default")) === undefined ? true : undefined,
    );
    await compiled<ServiceConfigStatus>(
      serviceConfigs,
      "index.default",
      ({ index }) => index?.services.every(({ name }) => name !== "short-lived") === true,
    );
  });

  it("publishes whose tokens are taken, with keys that it fetches, and how many requests", async () => {
    const keys = '{"keys":[{"kty":"RSA","kid":"1","n":"AQAB","e":"AQAB"}]}';
    const issuer = createServer(({ url = "" }, response) => {
      if (url === "/keys") response.end(keys);
      else response.end(JSON.stringify({ jwks_uri: `${address}/keys` }));
    });
    await new Promise<void>((resolve) => issuer.listen(0, "127.0.0.1", resolve));
    const at = issuer.address();
    const address = `http://127.0.0.1:${typeof at === "object" ? at?.port : 0}`;
    const workload = "deployment-payment-service-v1.default";
    const create = (resource: Resource, name: string, spec: object) =>
      client.create(resource, {
        apiVersion: `${resource.group}/${resource.version}`,
        kind: resource.kind,
        metadata: { name, namespace },
        spec,
      } as KubeObject);
    try {
      const rule = (fields: object) => ({ jwtRules: [fields] });
      await create(requestAuthentications, "address", rule({ issuer: "a", jwksUri: `${address}/keys` }));
      await create(requestAuthentications, "discovery", rule({ issuer: address }));
      await create(requestAuthentications, "nowhere", rule({ issuer: "http://127.0.0.1:1" }));
      await create(rateLimits, "limit", { rules: [{ limit: { requests: 5, unit: "MINUTE" } }] });
      const { status } = await compiled<WorkloadConfigStatus>(
        workloadConfigs,
        workload,
        ({ jwtRules, rateLimits: limits }) =>
          jwtRules.length === 3 &&
          jwtRules[1]?.jwks !== "" &&
          jwtRules[0]?.jwks !== "" &&
          limits?.length === 1,
      );
      const key = '{"keys":[{"kty":"RSA","kid":"1","n":"AQAB","e":"AQAB"}]}';
      expect(status.jwtRules).toMatchObject([
        { name: `${namespace}/address`, issuer: "a", jwks: key },
        { name: `${namespace}/discovery`, issuer: address, jwks: key },
        { name: `${namespace}/nowhere`, jwks: "" },
      ]);
      expect(status.rateLimits).toMatchObject([
        { name: `RateLimit/${namespace}/limit[0]`, maxTokens: 5, fillIntervalMs: 60_000 },
      ]);

      // The issuer is down while control starts anew: what proxies have stays.
      issuer.close().closeAllConnections();
      const before = await versions();
      await Promise.all([...running].map(stop));
      const control = await start("after-issuer");
      await until("the lead", () => control.isLeader() || undefined, 30_000);
      await sleep(500);
      expect((await versions())[workload]).toBe(before[workload]);
      for (const name of ["address", "discovery", "nowhere"])
        await client.delete(requestAuthentications, { namespace, name });
      await client.delete(rateLimits, { namespace, name: "limit" });
      await compiled<WorkloadConfigStatus>(
        workloadConfigs,
        workload,
        ({ jwtRules, rateLimits: limits = [] }) => jwtRules.length === 0 && limits.length === 0,
      );
    } finally {
      issuer.close().closeAllConnections();
    }
  });

  it("publishes hosts of ServiceEntries and the routes to them, which a proxy calls by the names' addresses", async () => {
    await using outside = await TestServer.start(application((text) => ok(`outside ${text.split(" ")[1]}`)));
    const hello = createTcpServer((socket) => {
      socket.once("data", () => socket.end("hello"));
      socket.on("error", () => {});
    }).listen(0, "127.0.0.1");
    await once(hello, "listening");
    const opaque = hello.address();
    const create = (resource: Resource, name: string, spec: object) =>
      client.create(resource, {
        apiVersion: `${resource.group}/${resource.version}`,
        kind: resource.kind,
        metadata: { name, namespace },
        spec,
      } as KubeObject);
    try {
      await create(serviceEntries, "outside", {
        hosts: ["api.example.com"],
        ports: [
          { number: 80, name: "http", protocol: "HTTP", targetPort: outside.port },
          {
            number: 443,
            name: "tls",
            protocol: "TLS",
            targetPort: typeof opaque === "object" ? opaque?.port : 0,
          },
        ],
        resolution: "DNS",
        endpoints: [{ address: "localhost" }],
      });
      await create(virtualServices, "outside", {
        hosts: ["api.example.com"],
        http: [
          {
            route: [{ destination: { host: "api.example.com", port: { number: 80 } } }],
            rewrite: { uri: "/rewritten" },
          },
        ],
      });
      const name = bareHostName("api.example.com");
      const { status, metadata } = await compiled<ServiceConfigStatus>(
        serviceConfigs,
        `${name}.service.default`,
        ({ service }) => service?.common.http.length === 1,
      );
      expect(status.service).toMatchObject({ host: "api.example.com", resolution: "DNS", endpointSlices: 1 });
      expect(status.generations).toEqual([
        `ServiceEntry/${namespace}/outside@1`,
        `VirtualService/${namespace}/outside@1`,
      ]);
      expect(metadata.ownerReferences).toMatchObject([{ kind: "ServiceEntry", name: "outside" }]);
      await compiled<ServiceConfigStatus>(
        serviceConfigs,
        "index.default",
        ({ index }) => index?.services.some(({ hosts }) => hosts?.includes("api.example.com")) === true,
      );

      const items = [
        ...(await client.list(serviceConfigs, { namespace })).items,
        await client.get(workloadConfigs, { namespace, name: "deployment-payment-service-v1.default" }),
      ];
      const kinds = items.map((item, i) => ({
        ...item,
        kind: i === items.length - 1 ? "WorkloadConfig" : "ServiceConfig",
      }));
      await using proxy = await TestProxy.start({
        file: {
          outbound: [80, 443].map((port) => ({ listen: "127.0.0.1:0", destination: `127.0.0.99:${port}` })),
        },
        objects: kinds as unknown as CompiledJson[],
      });
      const request = "GET /x HTTP/1.1\r\nHost: api.example.com\r\n\r\n";
      expect(await exchange(proxy.port("outbound"), request)).toContain("outside /rewritten");
      const bySni = connectTls({
        port: proxy.port("outbound1"),
        host: "127.0.0.1",
        servername: "api.example.com",
      });
      const [error] = await once(bySni, "error");
      // What answers is no TLS server, and so is what the ServiceEntry leads to.
      expect(String(error)).toMatch(/wrong version number|packet length too long/);
    } finally {
      hello.close();
    }
    for (const resource of [serviceEntries, virtualServices])
      await client.delete(resource, { namespace, name: "outside" });
    await until("the host's parts are deleted", async () => {
      const { items } = await client.list(serviceConfigs, { namespace });
      return items.every(({ metadata }) => !metadata.name?.startsWith("host-"));
    });
  });

  it("hands over to another replica, which writes only what has changed meanwhile", async () => {
    const [first] = running;
    if (first === undefined) throw new Error("no control runs");
    const second = await start("two");
    await until("the second is ready", () => second.notReady() === undefined || undefined);
    expect(second.isLeader()).toBe(false);
    await sleep(300);
    const before = await versions();
    await stop(first);
    await until("the second leads", () => second.isLeader() || undefined);
    await sleep(1000);
    expect(await versions()).toEqual(before);
    await client.apply(virtualServices, canary(namespace, 77) as KubeObject, { fieldManager });
    await compiled<ServiceConfigStatus>(
      serviceConfigs,
      "payment-service.service.default",
      (status) => weightsOf(status).v2 === 77,
    );
  });

  it("publishes again within two seconds of the API server's return", async () => {
    await server.stop();
    await sleep(1_000);
    await server.start();
    const back = Date.now();
    await client.apply(virtualServices, canary(namespace, 33) as KubeObject, { fieldManager });
    await compiled<ServiceConfigStatus>(
      serviceConfigs,
      "payment-service.service.default",
      (status) => weightsOf(status).v2 === 33,
    );
    console.log(`after the API server's return: ${Date.now() - back} ms`);
    expect(Date.now() - back).toBeLessThan(4_000);
  });
});

describe("control's process", () => {
  it("gets ready, and ends cleanly when it is told to, with nothing left to wait for", async () => {
    const address = "127.0.0.77";
    const child = spawn(process.execPath, ["control/main.ts"], {
      cwd: new URL("../..", import.meta.url),
      env: {
        PATH: process.env.PATH,
        KUBECONFIG: server.kubeconfig,
        POD_NAME: "process",
        WEFT_LISTEN: address,
        WEFT_MESH_FILE: join(caFolder, "mesh.json"),
        WEFT_CA_FOLDER: caFolder,
      },
      stdio: ["ignore", "inherit", "pipe"],
    });
    let log = "";
    child.stderr.on("data", (chunk: Buffer) => {
      log += chunk.toString();
    });
    const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
    try {
      const ready = () =>
        fetch(`http://${address}:15014/readyz`)
          .then(({ ok }) => ok || undefined)
          .catch(() => undefined);
      await until("ready", ready, 30_000);
      const memory = await readFile(`/proc/${child.pid}/status`, "utf8");
      console.log(`control's process: ${/VmRSS:\s*(.*)/.exec(memory)?.[1]} resident`);
      child.kill("SIGTERM");
      await until("not ready while it stops", async () => ((await ready()) === undefined ? true : undefined));
      expect(await exited).toBe(0);
    } catch (error) {
      child.kill("SIGKILL");
      throw new Error(`the process's log:\n${log}`, { cause: error });
    }
    expect(log).toContain('"msg":"stopping"');
  });
});

describe("control's servers", () => {
  const post = (port: number, path: string, body: unknown, headers: Record<string, string> = {}) =>
    new Promise<{ status: number; body: unknown }>((resolve, reject) => {
      const out = request(
        {
          host: "127.0.0.1",
          port,
          path,
          method: "POST",
          ca: root,
          servername: "control-default.istio-system.svc",
          headers: { "content-type": "application/json", ...headers },
        },
        async (response) => {
          const chunks: Buffer[] = [];
          for await (const chunk of response) chunks.push(chunk as Buffer);
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()) });
        },
      );
      out.on("error", reject);
      out.end(JSON.stringify(body));
    });
  const review = (object: unknown, kind: string, resource: string, group = "") => ({
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: "7f0c1c1e",
      operation: "CREATE",
      namespace,
      kind: { group, version: "v1", kind },
      resource: { group, version: "v1", resource },
      object,
    },
  });
  const ports = () => {
    const [control] = running;
    if (control === undefined) throw new Error("no control runs");
    return control.ports;
  };

  it("inject a pod, knowing its namespace's labels", async () => {
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { generateName: "web-", namespace },
      spec: { containers: [{ name: "web", image: "web" }] },
    };
    const answer = await post(ports().webhooks, "/inject", review(pod, "Pod", "pods"));
    const { response } = answer.body as { response: { allowed: boolean; patch: string; uid: string } };
    expect(response).toMatchObject({ uid: "7f0c1c1e", allowed: true });
    expect(Buffer.from(response.patch, "base64").toString()).toContain("weft.dev/proxy:test");
  });

  it("refuse what cannot work, field by field", async () => {
    const bad = canary(namespace, -5);
    const answer = await post(
      ports().webhooks,
      "/validate",
      review(bad, "VirtualService", "virtualservices", "networking.istio.io"),
    );
    const { response } = answer.body as { response: { allowed: boolean; status: { code: number } } };
    expect(response).toMatchObject({ allowed: false, status: { code: 422 } });
  });

  it("refuse a certificate to a stranger, and say why", async () => {
    const answer = await post(
      ports().certificates,
      "/v1/certificates",
      { csr: "x" },
      { authorization: "Bearer x.y.z" },
    );
    expect(answer.status).toBe(401);
    expect(answer.body).toMatchObject({ code: "WEFT_CA_BAD_TOKEN" });
  });

  it("tell their health and what they count", async () => {
    const base = `http://127.0.0.1:${ports().health}`;
    expect(await (await fetch(`${base}/readyz`)).text()).toBe("ok\n");
    expect((await fetch(`${base}/healthz`)).status).toBe(200);
    const text = await (await fetch(`${base}/metrics`)).text();
    for (const name of [
      "weft_compile_duration_seconds_count",
      "weft_publish_skipped_total",
      "weft_webhook_duration_seconds_bucket",
      "weft_kube_requests_total",
      "weft_leader",
      "nodejs_eventloop_lag_p99_seconds",
    ]) {
      expect(text).toContain(name);
    }
  });
});
