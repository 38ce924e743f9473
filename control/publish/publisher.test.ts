import { describe, expect, it } from "vitest";
import { createFakeClient } from "../../kube/client.fake.ts";
import { createFakeClock } from "../../kube/clock.fake.ts";
import {
  ApiError,
  type Change,
  ConnectionError,
  createStore,
  keyOf,
  type MutableStore,
  resources,
  silentLog,
} from "../../kube/index.ts";
import type { Affected, Compiler } from "../compile/compile.ts";
import type { CompiledServiceConfig, CompiledWorkloadConfig } from "../compile/compiled.ts";
import { type PublishedConfig, stripConfig } from "./published.ts";
import { createPublisher, serviceConfigIndexers } from "./publisher.ts";
import { servicePart, workload } from "./testing.ts";
import { serviceConfigs, workloadConfigs } from "./write.ts";

const none: Affected = { services: [], workloads: [], indexes: [] };

/** A publisher over an API server and a compiler in memory; the informers are fed by `settle`. */
function stand() {
  const clock = createFakeClock();
  const client = createFakeClient();
  const services = new Map<string, CompiledServiceConfig[]>();
  const workloads = new Map<string, CompiledWorkloadConfig>();
  const indexes = new Map<string, CompiledServiceConfig>();
  const compiler = {
    keys: () => ({
      services: [...services.keys()],
      workloads: [...workloads.keys()],
      indexes: [...indexes.keys()],
    }),
    compileService: (key: string) => services.get(key) ?? [],
    compileWorkload: (key: string) => workloads.get(key),
    compileIndex: (key: string) => indexes.get(key),
  } as unknown as Compiler;

  const informer = (store: MutableStore<PublishedConfig>) => {
    const handlers: ((change: Change<PublishedConfig>) => void)[] = [];
    return {
      store,
      onChange(handler: (change: Change<PublishedConfig>) => void) {
        handlers.push(handler);
        return () => {};
      },
      /** Brings the cache to what the API server has, as a watch would. */
      sync(current: PublishedConfig[]) {
        const keys = new Set(current.map(keyOf));
        for (const object of current) {
          const old = store.get(keyOf(object));
          if (old?.metadata.resourceVersion === object.metadata.resourceVersion) continue;
          store.set(stripConfig(object));
          for (const tell of handlers)
            tell(old === undefined ? { type: "add", object } : { type: "update", object, old });
        }
        for (const object of store.list()) {
          if (keys.has(keyOf(object))) continue;
          store.delete(keyOf(object));
          for (const tell of handlers) tell({ type: "delete", object });
        }
      },
    };
  };
  const informers = {
    services: informer(createStore(serviceConfigIndexers)),
    workloads: informer(createStore()),
  };
  const sync = async () => {
    informers.services.sync((await client.list<PublishedConfig>(serviceConfigs)).items);
    informers.workloads.sync((await client.list<PublishedConfig>(workloadConfigs)).items);
    client.requests.splice(-2);
  };
  const publisher = createPublisher({
    compiler,
    revision: "default",
    client,
    ...informers,
    clock,
    random: () => 0,
    log: silentLog,
  });
  let term = new AbortController();
  let ended: Promise<void> = Promise.resolve();
  const lead = async () => {
    term = new AbortController();
    ended = publisher.lead(term.signal);
    await clock.advance(0);
  };
  const resign = async () => {
    term.abort();
    await ended;
  };
  /** The requests since the last time, by what they did to which object. */
  const requests = () =>
    client.requests.splice(0).map((line) => line.replace(/\/apis\/[^ ]*\/([^/]+\.default)/, "$1"));
  return { clock, client, publisher, services, workloads, indexes, lead, resign, requests, sync };
}
const away = () =>
  new ConnectionError("PATCH x", Object.assign(new Error("refused"), { code: "ECONNREFUSED" }));

describe("the publisher", () => {
  it("writes nothing without the lead, and everything that is missing once it has it", async () => {
    const { clock, publisher, services, indexes, lead, resign, requests } = stand();
    services.set("ns/web", [servicePart("web", "h1"), servicePart("web", "e1", "endpoints")]);
    indexes.set("ns", servicePart("", "i1", "index"));
    publisher.changed({ services: ["ns/web"], workloads: [], indexes: ["ns"] });
    await clock.advance(5000);
    expect(requests()).toEqual([]);
    await lead();
    expect(requests().sort()).toEqual(
      ["index.default", "web.endpoints-0.default", "web.service.default"]
        .flatMap((name) => [`create ${name}`, `patch ${name}/status`])
        .sort(),
    );
    await resign();
  });

  it("creates the object, then writes its status whole, with the time", async () => {
    const { client, services, lead, resign } = stand();
    services.set("ns/web", [servicePart("web", "h1")]);
    await lead();
    expect(client.peek(serviceConfigs, "ns", "web.service.default")).toMatchObject({
      metadata: {
        labels: { "mesh.weft.dev/part": "service", "mesh.weft.dev/revision": "default" },
        ownerReferences: [{ apiVersion: "v1", kind: "Service", name: "web", uid: "uid-of-web" }],
      },
      spec: {},
      status: { hash: "h1", writtenAt: "2026-01-01T00:00:00.000Z" },
    });
    await resign();
  });

  it("writes nothing when the lead passes to it and all is up to date", async () => {
    const { services, workloads, lead, resign, requests, sync } = stand();
    services.set("ns/web", [servicePart("web", "h1")]);
    workloads.set("ns/Deployment/web", workload("web", "w1"));
    await lead();
    await sync();
    requests();
    await resign();
    await lead();
    expect(requests()).toEqual([]);
    await resign();
  });

  it("writes a lone change at once, and only the object that differs", async () => {
    const { clock, publisher, services, lead, resign, requests, sync } = stand();
    services.set("ns/web", [servicePart("web", "h1"), servicePart("web", "e1", "endpoints")]);
    await lead();
    await sync();
    await clock.advance(500);
    requests();
    services.set("ns/web", [servicePart("web", "h2"), servicePart("web", "e1", "endpoints")]);
    publisher.changed({ ...none, services: ["ns/web"] });
    await clock.advance(0);
    expect(requests()).toEqual(["patch web.service.default/status"]);
    await resign();
  });

  it("writes the last of a burst, not each step, though no watch has told of the first write yet", async () => {
    const { clock, client, publisher, services, lead, resign, requests } = stand();
    services.set("ns/web", [servicePart("web", "h0")]);
    await lead();
    await clock.advance(500);
    requests();
    for (let step = 1; step <= 20; step++) {
      services.set("ns/web", [servicePart("web", `h${step}`)]);
      publisher.changed({ ...none, services: ["ns/web"] });
      await clock.advance(10);
    }
    await clock.advance(1000);
    expect(requests()).toEqual(["patch web.service.default/status", "patch web.service.default/status"]);
    expect(client.peek(serviceConfigs, "ns", "web.service.default")?.status).toMatchObject({ hash: "h20" });
    await resign();
  });

  it("looks a workload's owner up once, when it creates the object", async () => {
    const { clock, client, publisher, workloads, lead, resign, requests, sync } = stand();
    client.put(resources.deployments, { metadata: { name: "web", namespace: "ns", uid: "ignored" } });
    workloads.set("ns/Deployment/web", workload("web", "w1"));
    await lead();
    expect(requests()).toEqual([
      "get /apis/apps/v1/namespaces/ns/deployments/web",
      "create deployment-web.default",
      "patch deployment-web.default/status",
    ]);
    await sync();
    expect(
      client.peek(workloadConfigs, "ns", "deployment-web.default")?.metadata.ownerReferences,
    ).toMatchObject([{ kind: "Deployment", name: "web", uid: "uid-1" }]);
    await clock.advance(500);
    workloads.set("ns/Deployment/web", workload("web", "w2"));
    publisher.changed({ ...none, workloads: ["ns/Deployment/web"] });
    await clock.advance(0);
    expect(requests()).toEqual(["patch deployment-web.default/status"]);
    await resign();
  });

  it("publishes a workload while a burst of services waits for the API server", async () => {
    const { clock, client, publisher, services, workloads, lead, resign, requests } = stand();
    await lead();
    const { create } = client;
    client.create = (resource, object, options) =>
      resource.plural === "serviceconfigs" ? new Promise(() => {}) : create(resource, object, options);
    for (let n = 0; n < 100; n++) services.set(`ns/svc-${n}`, [servicePart(`svc-${n}`, "h1")]);
    publisher.changed({ ...none, services: [...services.keys()] });
    await clock.advance(0);
    workloads.set("ns/Deployment/web", workload("web", "w1"));
    publisher.changed({ ...none, workloads: ["ns/Deployment/web"] });
    await clock.advance(0);
    expect(requests()).toContain("patch deployment-web.default/status");
    void resign();
  });

  it("publishes a new workload before the changes of all others", async () => {
    const { clock, client, publisher, workloads, lead, resign, requests, sync } = stand();
    for (let n = 0; n < 50; n++) workloads.set(`ns/Deployment/old-${n}`, workload(`old-${n}`, "w1"));
    await lead();
    await sync();
    await clock.advance(500);
    requests();
    const { patch } = client;
    client.patch = async (resource, options) => {
      await new Promise((resolve) => clock.setTimeout(() => resolve(undefined), 10));
      return patch(resource, options);
    };
    for (const key of workloads.keys())
      workloads.set(key, workload(key.slice("ns/Deployment/".length), "w2"));
    publisher.changed({ ...none, workloads: [...workloads.keys()] });
    workloads.set("ns/Deployment/new", workload("new", "w1"));
    publisher.changed({ ...none, workloads: ["ns/Deployment/new"] });
    await clock.advance(20);
    expect(requests()).toContain("patch deployment-new.default/status");
    await clock.advance(1000);
    expect(requests().length).toBeGreaterThan(40);
    await resign();
  });

  it("keeps the object of a workload without pods for its owner to collect, and deletes one without an owner", async () => {
    const { clock, client, publisher, workloads, lead, resign, sync } = stand();
    client.put(resources.deployments, { metadata: { name: "owned", namespace: "ns" } });
    for (const name of ["owned", "orphan"]) workloads.set(`ns/Deployment/${name}`, workload(name, "w1"));
    await lead();
    await sync();
    const keys = [...workloads.keys()];
    workloads.clear();
    publisher.changed({ ...none, workloads: keys });
    await clock.advance(1000);
    expect(client.peek(workloadConfigs, "ns", "deployment-owned.default")).toBeDefined();
    expect(client.peek(workloadConfigs, "ns", "deployment-orphan.default")).toBeUndefined();
    await resign();
  });

  it("deletes what is published for a service that went while nobody led", async () => {
    const { client, services, lead, resign, sync } = stand();
    services.set("ns/web", [servicePart("web", "h1"), servicePart("web", "e1", "endpoints")]);
    await lead();
    await resign();
    await sync();
    services.clear();
    await lead();
    expect((await client.list(serviceConfigs)).items).toEqual([]);
    await resign();
  });

  it("puts back what someone else changed or deleted", async () => {
    const { clock, client, services, lead, resign, requests, sync } = stand();
    services.set("ns/web", [servicePart("web", "h1")]);
    await lead();
    await sync();
    await clock.advance(500);
    const mine = client.peek(serviceConfigs, "ns", "web.service.default");
    client.put(serviceConfigs, {
      ...mine,
      metadata: mine?.metadata ?? { name: "" },
      status: { hash: "forged" },
    } as never);
    requests();
    await sync();
    await clock.advance(0);
    expect(requests()).toEqual(["patch web.service.default/status"]);
    await sync();
    await clock.advance(500);
    await client.delete(serviceConfigs, { namespace: "ns", name: "web.service.default" });
    requests();
    await sync();
    await clock.advance(0);
    expect(requests()).toEqual(["create web.service.default", "patch web.service.default/status"]);
    await resign();
  });

  it("writes when the API server is back what changed while it was away", async () => {
    const { clock, client, publisher, services, lead, resign, requests } = stand();
    services.set("ns/web", [servicePart("web", "h1")]);
    await lead();
    await clock.advance(500);
    for (let n = 0; n < 6; n++) client.failNext(/patch/, away());
    services.set("ns/web", [servicePart("web", "h2")]);
    publisher.changed({ ...none, services: ["ns/web"] });
    await clock.advance(2900);
    expect(client.peek(serviceConfigs, "ns", "web.service.default")?.status).toMatchObject({ hash: "h1" });
    await clock.advance(200);
    expect(client.peek(serviceConfigs, "ns", "web.service.default")?.status).toMatchObject({ hash: "h2" });
    requests();
    await resign();
  });

  it("does not insist on a namespace that is being deleted", async () => {
    const { clock, client, services, lead, resign, requests } = stand();
    services.set("ns/web", [servicePart("web", "h1")]);
    const causes = [{ reason: "NamespaceTerminating" }];
    client.failNext(/create/, new ApiError("POST", 403, { reason: "Forbidden", details: { causes } }));
    await lead();
    await clock.advance(60_000);
    expect(requests()).toEqual(["create web.service.default"]);
    await resign();
  });

  it("makes the status of an object that another replica created a moment ago", async () => {
    const { client, services, lead, resign, requests } = stand();
    client.put(serviceConfigs, { metadata: { name: "web.service.default", namespace: "ns" } });
    services.set("ns/web", [servicePart("web", "h1")]);
    await lead();
    expect(requests()).toEqual(["create web.service.default", "patch web.service.default/status"]);
    await resign();
  });

  it("starts no write after it has lost the lead", async () => {
    const { clock, client, publisher, services, lead, resign, requests } = stand();
    await lead();
    const { create } = client;
    let release = () => {};
    client.create = async (resource, object, options) => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return create(resource, object, options);
    };
    for (let n = 0; n < 30; n++) services.set(`ns/svc-${n}`, [servicePart(`svc-${n}`, "h1")]);
    services.set("ns/svc-0", []);
    publisher.changed({ ...none, services: ["ns/svc-1"] });
    await clock.advance(0);
    const ended = resign();
    publisher.changed({ ...none, services: [...services.keys()] });
    release();
    await ended;
    await clock.advance(5000);
    expect(requests().filter((line) => line.startsWith("create"))).toEqual(["create svc-1.service.default"]);
  });
});
