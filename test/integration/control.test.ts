import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { serviceConfigs, workloadConfigs } from "../../control/publish/write.ts";
import type { ServiceConfigStatus } from "../../crds/service-config.ts";
import type { WorkloadConfigStatus } from "../../crds/workload-config.ts";
import {
  createInformer,
  type KubeObject,
  type MetaObject,
  resources,
  silentLog,
  systemClock,
} from "../../kube/index.ts";
import {
  type Compiled,
  ControlBench,
  destinationRules,
  fieldManager,
  namespace,
  until,
  virtualServices,
  weightsOf,
} from "../support/control.ts";
import { canary, subsets } from "../support/mesh.ts";

/** What control publishes of a cluster's services and workloads, when, and who does it. The tests build on each other. */
let bench: ControlBench;
beforeAll(async () => {
  bench = await ControlBench.open();
});
afterAll(() => bench?.[Symbol.asyncDispose]());

describe("control", () => {
  it("waits with readiness until it has a certificate and has listed the cluster, then leads", async () => {
    const control = await bench.start("one");
    await until("ready", () => control.notReady() === undefined || undefined);
    await until("leading", () => control.isLeader() || undefined);
  });

  it("publishes index, service, endpoints and workloads of what is deployed, with labels and owners", async () => {
    const service = await bench.client.create(resources.services, {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "payment-service", namespace },
      spec: { selector: { app: "payment-service" }, ports: [{ name: "http", port: 80, targetPort: 8080 }] },
    } as KubeObject);
    const v1 = await bench.deploy("payment-service", "v1", "198.18.0.11");
    const v2 = await bench.deploy("payment-service", "v2", "198.18.0.12");
    const endpoint = (pod: MetaObject, address: string) => ({
      addresses: [address],
      conditions: { ready: true, serving: true, terminating: false },
      targetRef: { kind: "Pod", name: pod.metadata.name, namespace },
    });
    await bench.client.create(resources.endpointSlices, {
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

    const index = await bench.compiled<ServiceConfigStatus>(
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

    const part = await bench.compiled<ServiceConfigStatus>(serviceConfigs, "payment-service.service.default");
    expect(part.metadata.labels).toMatchObject({ "mesh.weft.dev/part": "service", "mesh.weft.dev/key": key });
    expect(part.metadata.ownerReferences).toMatchObject([
      { apiVersion: "v1", kind: "Service", name: "payment-service", uid: service.metadata.uid },
    ]);
    expect(part.status.hash).toMatch(/^[0-9a-f]{16}$/);
    expect(Date.now() - Date.parse(part.status.writtenAt ?? "")).toBeLessThan(60_000);

    const endpoints = await bench.compiled<ServiceConfigStatus>(
      serviceConfigs,
      "payment-service.endpoints-0.default",
      ({ endpoints }) =>
        endpoints?.endpoints.length === 2 &&
        endpoints.endpoints.every(({ identity }) => identity !== undefined),
    );
    expect(endpoints.status.endpoints?.endpoints[0]).toMatchObject({
      address: "198.18.0.11",
      ports: [{ port: 80, target: 8080 }],
      ready: true,
      mtls: true,
      identity: `spiffe://cluster.local/ns/${namespace}/sa/payment-service`,
    });

    const workload = await bench.compiled<WorkloadConfigStatus>(
      workloadConfigs,
      "deployment-payment-service-v1.default",
    );
    const deployment = await bench.client.get(resources.deployments, {
      namespace,
      name: "payment-service-v1",
    });
    expect(workload.metadata.ownerReferences).toMatchObject([
      { apiVersion: "apps/v1", kind: "Deployment", name: "payment-service-v1", uid: deployment.metadata.uid },
    ]);
    expect(workload.status).toMatchObject({
      workload: { kind: "Deployment", name: "payment-service-v1", namespace },
      mtls: "PERMISSIVE",
      trustDomain: "cluster.local",
    });
    expect(workload.status.trustBundle.trim()).toBe(bench.root.trim());
  });

  it("lets the namespace's proxies read its WorkloadConfigs, and no other's", async () => {
    await until("the binding", () =>
      bench.client.get(resources.roleBindings, { namespace, name: "weft-proxy" }).catch(() => undefined),
    );
    const may = async (where: string, resource: string, verb = "watch") => {
      const review = await bench.client.create<KubeObject>(resources.subjectAccessReviews, {
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
    await bench.client.delete(resources.roles, { namespace, name: "weft-proxy" });
    await until("the role is put back", () =>
      bench.client.get(resources.roles, { namespace, name: "weft-proxy" }).catch(() => undefined),
    );
  });

  it("writes routes and subsets when they are applied", async () => {
    await bench.client.apply(destinationRules, subsets(namespace) as KubeObject, { fieldManager });
    await bench.client.apply(virtualServices, canary(namespace, 10) as KubeObject, { fieldManager });
    const part = await bench.compiled<ServiceConfigStatus>(
      serviceConfigs,
      "payment-service.service.default",
      ({ service }) => service?.common.http.length === 2 && service.common.clusters.length === 3,
    );
    expect(weightsOf(part.status)).toEqual({ v1: 90, v2: 10 });
    expect(part.status.generations.join()).toContain(`VirtualService/${namespace}/payment-service@1`);
  });

  it("writes nothing when nothing changed", async () => {
    const before = await bench.settled();
    const body = { metadata: { annotations: { note: "changes no route" } } };
    const target = { namespace, name: "payment-service", type: "merge", body, fieldManager } as const;
    await bench.client.patch(virtualServices, target);
    await bench.client.patch(resources.services, target);
    await bench.client.patch(resources.pods, {
      namespace,
      name: "payment-service-v1-abc",
      type: "merge",
      subresource: "status",
      body: { status: { message: "still there" } },
    });
    await bench.client.apply(virtualServices, canary(namespace, 10) as KubeObject, { fieldManager });
    await sleep(1500);
    expect(await bench.versions()).toEqual(before);
  });

  it("writes a change of weights at once", async () => {
    const seen = new Map<string, number>();
    const stopWatching = new AbortController();
    const watcher = createInformer<Compiled<ServiceConfigStatus>>({
      client: bench.client,
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
      const applied = await bench.client.apply(virtualServices, canary(namespace, weight) as KubeObject, {
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
    const before = await bench.compiled<ServiceConfigStatus>(serviceConfigs, name);
    await bench.client.patch(serviceConfigs, {
      namespace,
      name,
      type: "merge",
      subresource: "status",
      body: { status: { hash: "0000000000000000" } },
    });
    await bench.compiled<ServiceConfigStatus>(
      serviceConfigs,
      name,
      ({ hash }) => hash === before.status.hash,
    );
    await bench.client.delete(serviceConfigs, { namespace, name });
    const again = await bench.compiled<ServiceConfigStatus>(serviceConfigs, name);
    expect(again.status.hash).toBe(before.status.hash);
    expect(again.metadata.uid).not.toBe(before.metadata.uid);
  });

  it("deletes what belongs to a service that is gone", async () => {
    await bench.client.create(resources.services, {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "short-lived", namespace },
      spec: { ports: [{ port: 80 }] },
    } as KubeObject);
    await bench.compiled<ServiceConfigStatus>(serviceConfigs, "short-lived.service.default");
    await bench.client.delete(resources.services, { namespace, name: "short-lived" });
    await until("its parts are gone", async () =>
      (await bench.read(serviceConfigs, "short-lived.service.default")) === undefined ? true : undefined,
    );
    await bench.compiled<ServiceConfigStatus>(
      serviceConfigs,
      "index.default",
      ({ index }) => index?.services.every(({ name }) => name !== "short-lived") === true,
    );
  });

  it("hands over to another replica, which writes only what has changed meanwhile", async () => {
    const [first] = bench.running;
    if (first === undefined) throw new Error("no control runs");
    const second = await bench.start("two");
    await until("the second is ready", () => second.notReady() === undefined || undefined);
    expect(second.isLeader()).toBe(false);
    const before = await bench.settled();
    await bench.stop(first);
    await until("the second leads", () => second.isLeader() || undefined);
    await sleep(1000);
    expect(await bench.versions()).toEqual(before);
    await bench.client.apply(virtualServices, canary(namespace, 77) as KubeObject, { fieldManager });
    await bench.compiled<ServiceConfigStatus>(
      serviceConfigs,
      "payment-service.service.default",
      (status) => weightsOf(status).v2 === 77,
    );
  });

  it("publishes again within two seconds of the API server's return", async () => {
    // Its start takes seconds, and the lead is given up after ten.
    await bench.server.stop();
    await bench.server.start();
    const back = Date.now();
    await bench.client.apply(virtualServices, canary(namespace, 33) as KubeObject, { fieldManager });
    await bench.compiled<ServiceConfigStatus>(
      serviceConfigs,
      "payment-service.service.default",
      (status) => weightsOf(status).v2 === 33,
    );
    console.log(`after the API server's return: ${Date.now() - back} ms`);
    expect(Date.now() - back).toBeLessThan(4_000);
  });
});
