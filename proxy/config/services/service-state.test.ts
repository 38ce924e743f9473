import { describe, expect, it } from "vitest";
import { payEndpoints, request, setup, toSubset, versioned } from "../snapshot.fixture.ts";
import {
  destination,
  endpoint,
  endpointsObject,
  forward,
  keyOf,
  serviceObject,
  subset,
  view,
} from "../testdata.ts";

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

  it("is called by the policies for this client's labels, the first that fit, else by everybody's", () => {
    const policies = (connectTimeoutMs: number) => [subset("", { connectionPool: { connectTimeoutMs } })];
    const selecting = (...labels: Record<string, string>[]) =>
      view({
        clusters: policies(1),
        selected: labels.map((each, i) => ({ labels: each, clusters: policies(2 + i) })),
      });
    const timeoutWith = (...labels: Record<string, string>[]) => {
      const common = selecting(...labels);
      const { want, pay } = setup(serviceObject("shop", "pay", { common }), payEndpoints());
      want("pay");
      const result = pay().route(request);
      return result.kind === "forward" ? result.cluster.policy.connectionPool.connectTimeoutMs : 0;
    };
    expect(timeoutWith({ app: "other" }, { app: "storefront", tier: "x" })).toBe(1);
    expect(timeoutWith({ app: "other" }, { app: "storefront" }, {})).toBe(3);
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
