import { describe, expect, it } from "vitest";
import type { ServiceView } from "../../crds/service-config.ts";
import { Snapshot } from "./snapshot.ts";
import {
  type CompiledJson,
  destination,
  endpoint,
  endpointsObject,
  entry,
  forward,
  indexObject,
  keyOf,
  serviceObject,
  subset,
  view,
  workloadObject,
} from "./testdata.ts";
import type { MeshView, RouteRequest, Target } from "./view.ts";

const request: RouteRequest = {
  method: "GET",
  path: "/",
  authority: "pay",
  scheme: "http",
  port: 80,
  header: () => undefined,
};

function setup(...objects: CompiledJson[]) {
  const snapshot = new Snapshot({
    namespace: "shop",
    labels: { app: "storefront" },
    clusterDomain: "cluster.local",
    random: () => 0,
    patience: { updateMs: 10_000, firstMs: 2_000 },
    load: async () => {},
  });
  let now = 1_000;
  const put = (...more: CompiledJson[]) => {
    for (const object of more) snapshot.put(object, object.kind);
    return snapshot.commit(now);
  };
  const current = (): MeshView => {
    const found = snapshot.view();
    if (found === undefined) throw new Error("there is no view");
    return found;
  };
  const pay = (): Target => {
    const found = current().targetByHost("pay.shop", 80);
    if (found === undefined) throw new Error("the index has no pay");
    return found;
  };
  put(workloadObject("shop", "storefront"), shopIndex(), ...objects);
  return {
    snapshot,
    put,
    current,
    pay,
    wait: (ms: number) => {
      now += ms;
      return snapshot.commit(now);
    },
    want: (name: string) => {
      snapshot.want(keyOf("shop", name));
      snapshot.commit(now);
    },
    /** Where a request goes: `subset@addresses`, or what else becomes of it. */
    lands: (): string => {
      const result = pay().route(request);
      if (result.kind !== "forward") return result.kind;
      const { service, subset: name, endpoints } = result.cluster;
      return `${service}/${name}@${endpoints.map(({ address }) => address).join()}`;
    },
  };
}

const shopIndex = () =>
  indexObject("shop", [
    entry("shop", "pay", {
      addresses: ["198.19.0.10", "fd00::10"],
      ports: [
        { port: 80, protocol: "http" },
        { port: 9000, protocol: "tcp" },
      ],
    }),
    entry("shop", "other", { addresses: ["198.19.0.11"] }),
    entry("shop", "db", { headless: true, ports: [{ port: 5432, protocol: "tcp" }] }),
    entry("shop", "vs-1", {
      hosts: ["api.example.com", "*.example.com"],
      ports: [{ port: 80, protocol: "http" }],
    }),
  ]);

const payEndpoints = () =>
  endpointsObject("shop", "pay", [
    endpoint("10.0.0.1", { labels: { version: "v1" } }),
    endpoint("10.0.0.2", { labels: { version: "v2" } }),
  ]);

const versioned = (...subsets: string[]): Partial<ServiceView> => ({
  clusters: ["", ...subsets].map((name) => subset(name)),
});
const toSubset = (name: string) => [forward(destination("shop", "pay", { subset: name }))];

describe("a view", () => {
  it("is there once the workload's configuration is", () => {
    const snapshot = new Snapshot({
      namespace: "shop",
      labels: {},
      clusterDomain: "cluster.local",
      random: Math.random,
      load: async () => {},
    });
    snapshot.put(shopIndex(), "ServiceConfig");
    expect([snapshot.commit(1), snapshot.view()]).toEqual([false, undefined]);
    snapshot.put(workloadObject("shop", "storefront"), "WorkloadConfig");
    expect(snapshot.commit(2)).toBe(true);
    expect(snapshot.commit(3)).toBe(false);
  });

  it.each([
    ["198.19.0.10", 80, "pay"],
    ["::ffff:198.19.0.10", 80, "pay"],
    ["fd00::10", 9000, "pay"],
    ["198.19.0.11", 80, "other"],
    ["198.19.0.10", 81, undefined],
    ["198.19.0.99", 80, undefined],
  ])("finds by the address %s:%i: %s", (address, port, service) => {
    const { current } = setup();
    expect(current().target(address, port)?.service).toBe(service);
    expect(current().target(address, port)).toBe(current().target(address, port));
  });

  it.each([
    ["pay", 80, "pay"],
    ["pay:80", 80, "pay"],
    ["pay:81", 80, undefined],
    ["PAY.Shop", 80, "pay"],
    ["pay.shop.svc", 80, "pay"],
    ["pay.shop.svc.cluster.local", 80, "pay"],
    ["pay.shop.svc.cluster.local.:80", 80, "pay"],
    ["pay.bank", 80, undefined],
    ["pay.shop.svc.other.domain", 80, undefined],
    ["db-0.db.shop.svc.cluster.local", 5432, "db"],
    ["db-0.db", 5432, "db"],
    ["pod.pay.shop", 80, undefined],
    ["api.example.com", 80, "api.example.com"],
    ["x.y.example.com", 80, "api.example.com"],
    ["example.com", 80, undefined],
    ["198.19.0.10:80", 80, "pay"],
    ["198.19.0.10", 80, "pay"],
    ["[fd00::10]:80", 80, "pay"],
    ["", 80, undefined],
    ["x".repeat(400), 80, undefined],
    ["vs-1", 80, undefined],
  ])("finds by the host %j on %i: %s", (host, port, service) => {
    expect(setup().current().targetByHost(host, port)?.service).toBe(service);
  });

  it("leaves out what is not exported here and what egress does not name", () => {
    const { current, put } = setup();
    put(
      indexObject("bank", [
        entry("bank", "open"),
        entry("bank", "ours", { exportTo: ["shop"] }),
        entry("bank", "hidden", { exportTo: ["."] }),
      ]),
    );
    const seen = () =>
      ["pay.shop", "open.bank", "ours.bank", "hidden.bank"].filter((host) =>
        current().targetByHost(host, 80),
      );
    expect(seen()).toEqual(["pay.shop", "open.bank", "ours.bank"]);
    put(
      workloadObject("shop", "storefront", {
        egress: {
          outboundTrafficPolicy: "REGISTRY_ONLY",
          hosts: ["./*", "bank/open.bank.svc.cluster.local"],
        },
      }),
    );
    expect(seen()).toEqual(["pay.shop", "open.bank"]);
  });

  it("answers for inbound ports, listed or not", () => {
    const { current, put } = setup();
    put(
      workloadObject("shop", "storefront", {
        mtls: "STRICT",
        ports: [
          { port: 8080, protocol: "http", mtls: "PERMISSIVE", service: "storefront.shop.svc.cluster.local" },
        ],
        authorization: [{ name: "deny-all", namespace: "shop", action: "ALLOW", rules: [] }],
      }),
    );
    expect(current().inbound(8080)).toMatchObject({ mtls: "PERMISSIVE", protocol: "http", authorizes: true });
    expect(current().inbound(9999)).toMatchObject({ mtls: "STRICT", protocol: "auto", service: undefined });
  });
});

describe("a service", () => {
  it("is loaded when it is wanted and all its parts are in", () => {
    const { put, pay, want, lands } = setup(serviceObject("shop", "pay", { endpointSlices: 2 }));
    want("pay");
    expect(pay().loaded).toBe(false);
    expect(() => pay().route(request)).toThrow("WEFT_CONFIG_NOT_LOADED");
    put(endpointsObject("shop", "pay", [endpoint("10.0.0.1")], 0, 2));
    expect(pay().loaded).toBe(false);
    put(endpointsObject("shop", "pay", [endpoint("10.0.0.2")], 1, 2));
    expect(lands()).toBe("pay/@10.0.0.1,10.0.0.2");
  });

  it("goes on with its endpoints while a slice that is new has not arrived, and takes each change of those that have", () => {
    const { put, want, lands } = setup(
      serviceObject("shop", "pay"),
      endpointsObject("shop", "pay", [endpoint("10.0.0.1")]),
    );
    want("pay");
    put(serviceObject("shop", "pay", { endpointSlices: 2 }));
    expect(lands()).toBe("pay/@10.0.0.1");
    put(endpointsObject("shop", "pay", [endpoint("10.0.0.9")], 1, 2));
    expect(lands()).toBe("pay/@10.0.0.1,10.0.0.9");
    put(endpointsObject("shop", "pay", [endpoint("10.0.0.2")], 0, 2));
    expect(lands()).toBe("pay/@10.0.0.2,10.0.0.9");
    put(serviceObject("shop", "pay", { endpointSlices: 1 }));
    expect(lands()).toBe("pay/@10.0.0.2");
  });

  it("serves what has arrived when a slice never comes", () => {
    const { snapshot, pay, want, wait, lands } = setup(
      serviceObject("shop", "pay", { endpointSlices: 2 }),
      endpointsObject("shop", "pay", [endpoint("10.0.0.1")], 0, 2),
    );
    want("pay");
    expect(snapshot.deadline()).toBe(3_000);
    wait(1_999);
    expect(pay().loaded).toBe(false);
    wait(1);
    expect(lands()).toBe("pay/@10.0.0.1");
    expect(snapshot.deadline()).toBeUndefined();
  });

  it("leaves out endpoints that are not ready, and takes the target port and mutual TLS of each", () => {
    const { want, pay } = setup(
      serviceObject("shop", "pay"),
      endpointsObject("shop", "pay", [
        endpoint("10.0.0.1", { ready: false }),
        endpoint("10.0.0.2", { mtls: true, identity: "spiffe://cluster.local/ns/shop/sa/pay" }),
        endpoint("10.0.0.3", { mtls: true, plaintextPorts: [8080] }),
        endpoint("10.0.0.4", { ports: [{ port: 9000, target: 9000 }] }),
      ]),
    );
    want("pay");
    const result = pay().route(request);
    const shown =
      result.kind === "forward"
        ? result.cluster.endpoints.map((e) => `${e.address}:${e.target} ${e.mtls}`)
        : [];
    expect(shown).toEqual(["10.0.0.2:8080 true", "10.0.0.3:8080 false"]);
    expect(pay().tcp({ address: "198.19.0.10", port: 80 })).toBe(result.kind === "forward" && result.cluster);
  });

  it("has the view of this namespace where there is one", () => {
    const { want, lands } = setup(
      serviceObject("shop", "pay", {
        common: view(),
        variants: [
          { namespaces: ["bank", "shop"], view: view({ ...versioned("v2"), http: toSubset("v2") }) },
        ],
      }),
      payEndpoints(),
    );
    want("pay");
    expect(lands()).toBe("pay/v2@10.0.0.2");
  });

  it("is gone when its service part is, and its handles end", () => {
    const { snapshot, want, pay, put } = setup(serviceObject("shop", "pay"), payEndpoints());
    want("pay");
    const result = pay().route(request);
    const handle = result.kind === "forward" ? result.cluster.endpoints[0] : undefined;
    let closed = 0;
    if (handle !== undefined) handle.pool = { close: () => closed++ };
    snapshot.drop({
      kind: "ServiceConfig",
      namespace: "shop",
      name: "pay.service.default",
      key: keyOf("shop", "pay"),
      resourceVersion: "",
    });
    put();
    expect([pay().loaded, handle?.removed, closed]).toEqual([false, true, 1]);
  });
});

describe("routes", () => {
  it("wait for a subset that has not arrived, and the old ones go on", () => {
    const { put, want, lands } = setup(serviceObject("shop", "pay"), payEndpoints());
    want("pay");
    put(serviceObject("shop", "pay", { common: view({ http: toSubset("v2") }) }));
    expect(lands()).toBe("pay/@10.0.0.1,10.0.0.2");
    put(serviceObject("shop", "pay", { common: view({ ...versioned("v2"), http: toSubset("v2") }) }));
    expect(lands()).toBe("pay/v2@10.0.0.2");
  });

  it("apply at last when the subset never comes", () => {
    const { snapshot, put, want, wait, lands } = setup(serviceObject("shop", "pay"), payEndpoints());
    want("pay");
    put(serviceObject("shop", "pay", { common: view({ http: toSubset("v2") }) }));
    wait(9_999);
    expect(lands()).toBe("pay/@10.0.0.1,10.0.0.2");
    wait(1);
    expect(lands()).toBe("noCluster");
    expect(snapshot.deadline()).toBeUndefined();
    put(serviceObject("shop", "pay", { common: view({ ...versioned("v2"), http: toSubset("v2") }) }));
    expect(lands()).toBe("pay/v2@10.0.0.2");
  });

  it("wait for endpoints that show a label that is new to the subsets", () => {
    const byTrack = subset("canary", { labels: { track: "canary" } });
    const { put, want, lands } = setup(serviceObject("shop", "pay"), payEndpoints());
    want("pay");
    put(
      serviceObject("shop", "pay", {
        common: view({ clusters: [subset(""), byTrack], http: toSubset("canary") }),
      }),
    );
    expect(lands()).toBe("pay/@10.0.0.1,10.0.0.2");
    put(
      endpointsObject("shop", "pay", [
        endpoint("10.0.0.1"),
        endpoint("10.0.0.3", { labels: { track: "canary" } }),
      ]),
    );
    expect(lands()).toBe("pay/canary@10.0.0.3");
  });

  it("lead to an empty subset at once: 503 is the user's to see", () => {
    const { put, want, lands } = setup(serviceObject("shop", "pay"), payEndpoints());
    want("pay");
    put(serviceObject("shop", "pay", { common: view({ ...versioned("v3"), http: toSubset("v3") }) }));
    expect(lands()).toBe("pay/v3@");
  });

  it("keep a subset that goes while the routes that lead to it go on", () => {
    const { put, want, wait, lands } = setup(
      serviceObject("shop", "pay", { common: view({ ...versioned("v1"), http: toSubset("v1") }) }),
      payEndpoints(),
    );
    want("pay");
    // The new routes wait for v9, which is not there; the old ones need v1, which is no longer there.
    put(serviceObject("shop", "pay", { common: view({ http: toSubset("v9") }) }));
    expect(lands()).toBe("pay/v1@10.0.0.1");
    wait(10_000);
    expect(lands()).toBe("noCluster");
  });

  it("to another service make it a dependency and wait for it", () => {
    const { snapshot, put, want, pay, lands } = setup(
      serviceObject("shop", "pay", { common: view({ http: [forward(destination("shop", "other"))] }) }),
      payEndpoints(),
    );
    expect([...snapshot.dependencies()]).toEqual([]);
    want("pay");
    expect([...snapshot.dependencies()]).toEqual([keyOf("shop", "pay"), keyOf("shop", "other")]);
    expect(pay().loaded).toBe(false);
    put(serviceObject("shop", "other", { endpointSlices: 1 }));
    expect(pay().loaded).toBe(false);
    put(endpointsObject("shop", "other", [endpoint("10.0.0.7")]));
    expect(lands()).toBe("other/@10.0.0.7");
    put(endpointsObject("shop", "other", [endpoint("10.0.0.8")]));
    expect(lands()).toBe("other/@10.0.0.8");
  });

  it("to an unknown host are answered as such at once", () => {
    const { want, lands } = setup(
      serviceObject("shop", "pay", {
        common: view({ http: [forward(destination("shop", "nope", { key: "" }))] }),
      }),
      payEndpoints(),
    );
    want("pay");
    expect(lands()).toBe("noCluster");
  });

  it("that cannot be compiled leave the old ones in force", () => {
    const { snapshot, want, lands } = setup(serviceObject("shop", "pay"), payEndpoints());
    want("pay");
    const route = forward(destination("shop", "pay"));
    const bad = serviceObject("shop", "pay", {
      common: view({
        http: [
          {
            ...route,
            matches: [
              { uri: { kind: "regex", value: "(" }, headers: [], withoutHeaders: [], queryParams: [] },
            ],
          },
        ],
      }),
    });
    expect(() => snapshot.put(bad, "ServiceConfig")).toThrow(
      /WEFT_CONFIG_MALFORMED.*ServiceConfig\/shop\/pay.service.default.*RE2/,
    );
    expect(lands()).toBe("pay/@10.0.0.1,10.0.0.2");
  });

  it("carry redirects, direct responses, rewrites and header operations", () => {
    const { put, want, pay } = setup(serviceObject("shop", "pay"), payEndpoints());
    want("pay");
    const at = (uri: string) => [
      { uri: { kind: "prefix" as const, value: uri }, headers: [], withoutHeaders: [], queryParams: [] },
    ];
    const [route = forward()] = toSubset("");
    put(
      serviceObject("shop", "pay", {
        common: view({
          http: [
            { ...route, matches: at("/r"), action: { kind: "redirect", uri: "/new", code: 302 } },
            { ...route, matches: at("/d"), action: { kind: "directResponse", status: 418, body: "tea" } },
            {
              ...route,
              matches: at("/w/"),
              rewrite: { uri: "/", authority: "inner" },
              headers: { request: { set: { "X-A": "1" }, add: {}, remove: [] } },
            },
          ],
        }),
      }),
    );
    const redirect = pay().route({ ...request, path: "/r?q" });
    expect(
      redirect.kind === "redirect" && [redirect.status, redirect.location({ ...request, path: "/r?q" })],
    ).toEqual([302, "http://pay/new?q"]);
    const direct = pay().route({ ...request, path: "/d" });
    expect(direct.kind === "directResponse" && [direct.status, Buffer.from(direct.body).toString()]).toEqual([
      418,
      "tea",
    ]);
    const rewritten = pay().route({ ...request, path: "/w/x?y" });
    expect(
      rewritten.kind === "forward" && [
        rewritten.route.rewritePath?.({ ...request, path: "/w/x?y" }),
        rewritten.route.authority,
      ],
    ).toEqual(["/x?y", "inner"]);
    expect(rewritten.kind === "forward" && rewritten.headers.request).toEqual([
      { op: "set", name: "x-a", value: "1" },
    ]);
    expect(pay().route({ ...request, path: "/none" }).kind).toBe("noRoute");
  });
});

describe("endpoint handles", () => {
  it("are the same objects across snapshots, with what they have counted", () => {
    const { put, want, pay } = setup(serviceObject("shop", "pay"), payEndpoints());
    want("pay");
    const handles = () => {
      const result = pay().route(request);
      return result.kind === "forward" ? result.cluster.endpoints : [];
    };
    const [first, second] = handles();
    first?.begin();
    put(
      endpointsObject("shop", "pay", [
        endpoint("10.0.0.1", { labels: { version: "v9" }, weight: 3 }),
        endpoint("10.0.0.3"),
      ]),
    );
    const [again, third] = handles();
    expect(again).toBe(first);
    expect(again).toMatchObject({ active: 1, weight: 3, labels: { version: "v9" }, removed: false });
    expect([second?.removed, third?.address]).toEqual([true, "10.0.0.3"]);
  });

  it("are new when another workload takes over the address", () => {
    const at = (identity: string) =>
      endpointsObject("shop", "pay", [endpoint("10.0.0.1", { mtls: true, identity })]);
    const { put, want, pay } = setup(serviceObject("shop", "pay"), at("spiffe://a"));
    want("pay");
    const handle = () => {
      const result = pay().route(request);
      return result.kind === "forward" ? result.cluster.pick(0) : undefined;
    };
    const before = handle();
    put(at("spiffe://b"));
    expect(handle()).not.toBe(before);
    expect([before?.removed, handle()?.identity]).toEqual([true, "spiffe://b"]);
  });

  it("keep a cluster's counters", () => {
    const { put, want, pay } = setup(serviceObject("shop", "pay"), payEndpoints());
    want("pay");
    const counters = () => {
      const result = pay().route(request);
      return result.kind === "forward" ? result.cluster.counters : undefined;
    };
    const before = counters();
    put(endpointsObject("shop", "pay", [endpoint("10.0.0.5")]));
    expect(counters()).toBe(before);
  });
});

describe("what is in force", () => {
  it("is told by object, hash and time; routes that wait are not in it", () => {
    const { snapshot, put, want, wait } = setup(serviceObject("shop", "pay"), payEndpoints());
    want("pay");
    const applied = (name: string) =>
      snapshot.applied().find((object) => object.name === `ServiceConfig/shop/${name}.default`);
    const before = applied("pay.service");
    expect(
      snapshot
        .applied()
        .map(({ name }) => name)
        .sort(),
    ).toEqual([
      "ServiceConfig/shop/index.default",
      "ServiceConfig/shop/pay.endpoints-0.default",
      "ServiceConfig/shop/pay.service.default",
      "WorkloadConfig/shop/deployment-storefront.default",
    ]);
    put(serviceObject("shop", "pay", { common: view({ http: toSubset("v2") }) }));
    expect(applied("pay.service")).toEqual(before);
    wait(10_000);
    expect(applied("pay.service")).toMatchObject({ appliedAt: 11_000 });
    expect(applied("pay.service")?.hash).not.toBe(before?.hash);
  });

  it("does not change when an object comes again as it was", () => {
    const { put } = setup(serviceObject("shop", "pay"), payEndpoints());
    expect(put(serviceObject("shop", "pay"), shopIndex(), workloadObject("shop", "storefront"))).toBe(false);
  });

  it("loses what a new list no longer holds", () => {
    const { snapshot, put, want, current } = setup(serviceObject("shop", "pay"), payEndpoints());
    put(indexObject("bank", [entry("bank", "open")]));
    want("pay");
    const names = new Set(snapshot.applied().map(({ name }) => name));
    names.delete("ServiceConfig/bank/index.default");
    snapshot.keepOnly("ServiceConfig", names);
    put();
    expect(current().targetByHost("open.bank", 80)).toBeUndefined();
    expect(current().targetByHost("pay.shop", 80)).toBeDefined();
  });
});
