import { describe, expect, it } from "vitest";
import type { ClusterPolicy } from "../../crds/service-config.ts";
import { payEndpoints, request, setup, shopIndex } from "./snapshot.fixture.ts";
import { Snapshot } from "./snapshot.ts";
import {
  type CompiledJson,
  endpoint,
  endpointsObject,
  keyOf,
  serviceObject,
  subset,
  view,
  workloadObject,
} from "./testdata.ts";
import type { Cluster, Target } from "./view.ts";

const outlierDetection = {
  consecutive5xxErrors: 1,
  consecutiveGatewayErrors: 0,
  splitExternalLocalOriginErrors: false,
  consecutiveLocalOriginFailures: 5,
  intervalMs: 10_000,
  baseEjectionTimeMs: 30_000,
  maxEjectionPercent: 50,
  minHealthPercent: 0,
  httpErrorCodes: [],
};

const service = (policy: Partial<ClusterPolicy>, timeoutMs = 1) =>
  serviceObject("shop", "pay", {
    common: view({
      clusters: [subset("", policy), subset("v1", policy)],
      http: [
        {
          matches: [],
          action: {
            kind: "forward",
            destinations: [{ host: "pay", key: keyOf("shop", "pay"), subset: "", weight: 1 }],
          },
          mirrors: [],
          timeoutMs,
        },
      ],
    }),
  });

function clusterOf(target: Target | undefined): Cluster {
  const result = target?.route(request);
  if (result?.kind !== "forward") throw new Error(`expected a forward, found ${result?.kind}`);
  return result.cluster;
}

describe("balancing across snapshots", () => {
  it("goes on in turn when nothing of the cluster changes", () => {
    const { put, want, pay } = setup(service({}), payEndpoints());
    want("pay");
    const first = clusterOf(pay());
    const one = first.pick(0);
    put(service({}, 2));
    const second = clusterOf(pay());
    expect(second).not.toBe(first);
    expect(second.endpoints).toBe(first.endpoints);
    expect(second.pick(0)).not.toBe(one);
  });

  it("takes a new weight into account", () => {
    const weighted = (weight: number) =>
      endpointsObject("shop", "pay", [endpoint("10.0.0.1", { weight }), endpoint("10.0.0.2")]);
    const { put, want, pay } = setup(service({}), weighted(1));
    want("pay");
    clusterOf(pay()).pick(0);
    put(weighted(3));
    const cluster = clusterOf(pay());
    const picked = Array.from({ length: 8 }, () => cluster.pick(0)?.address);
    expect(picked.filter((address) => address === "10.0.0.1").length).toBe(6);
  });

  it("keeps what endpoints have reported of their load", () => {
    const backendUtilization = {
      metricNames: [],
      errorUtilizationPenalty: 1,
      expirationMs: 60_000,
      stabilizationMs: 0,
      updateMs: 1_000,
    };
    const loadBalancer = { simple: "ROUND_ROBIN", backendUtilization } as const;
    const { put, want, pay } = setup(service({ loadBalancer }), payEndpoints());
    want("pay");
    const before = clusterOf(pay());
    for (const [i, endpoint] of before.endpoints.entries()) endpoint.reportWeight(i === 0 ? 3 : 1, 0, 60_000);
    put(
      service({
        loadBalancer: { ...loadBalancer, warmup: { durationMs: 1, minimumPercent: 10, aggression: 1 } },
      }),
    );
    const after = clusterOf(pay());
    expect(after.policy.loadBalancer.backendUtilization).toEqual(backendUtilization);
    const [first] = after.endpoints;
    const picked = Array.from({ length: 40 * after.endpoints.length }, () => after.pick(5_000));
    const share = 3 / (after.endpoints.length + 2);
    expect(
      Math.abs(picked.filter((each) => each === first).length - picked.length * share),
    ).toBeLessThanOrEqual(2);
  });

  it("keeps an endpoint aside, and tells how many are", () => {
    const { snapshot, put, want, pay } = setup(service({ outlierDetection }), payEndpoints());
    want("pay");
    const before = clusterOf(pay());
    const bad = before.pick(0);
    bad?.observe(500, 1, 0);
    put(service({ outlierDetection }, 2));
    const after = clusterOf(pay());
    expect(Array.from({ length: 4 }, () => after.pick(1))).not.toContain(bad);
    expect(Array.from({ length: 4 }, () => before.pick(1))).not.toContain(bad);
    const name = "outbound|80||pay.shop.svc.cluster.local";
    expect(snapshot.outliers(1)).toEqual([{ cluster: name, ejections: 1, ejected: 1, panics: 0 }]);
    expect(snapshot.outliers(60_000)).toEqual([{ cluster: name, ejections: 1, ejected: 0, panics: 0 }]);
    put(service({}));
    expect(snapshot.outliers(1)).toEqual([]);
    expect(Array.from({ length: 4 }, () => clusterOf(pay()).pick(1))).toContain(bad);
  });

  it("finds a headless service's endpoint by its address", () => {
    const { want, pay } = setup(service({}), payEndpoints());
    want("pay");
    const cluster = clusterOf(pay());
    expect([cluster.at("10.0.0.2")?.address, cluster.at("10.0.0.9")]).toEqual(["10.0.0.2", undefined]);
  });
});

describe("where the proxy is", () => {
  const near = { enabled: true, distribute: [], failover: [], failoverPriority: [] };
  const nearest = service({ loadBalancer: { simple: "ROUND_ROBIN", locality: near } });
  const endpoints = endpointsObject("shop", "pay", [
    endpoint("10.0.0.1", { locality: "eu/a" }),
    endpoint("10.0.0.2", { locality: "eu/b" }),
  ]);
  const localities = [
    { locality: "eu/a", nodes: ["n1", "n2"] },
    { locality: "eu/b", nodes: ["n3"] },
  ];

  function goes(
    labels: Record<string, string>,
    node: string | undefined,
    workload: CompiledJson,
    random = () => 0,
  ) {
    const snapshot = new Snapshot({
      namespace: "shop",
      labels,
      node,
      clusterDomain: "cluster.local",
      random,
      load: async () => {},
    });
    const put = (...objects: CompiledJson[]) => {
      for (const object of objects) snapshot.put(object, object.kind);
      snapshot.commit(0);
    };
    put(nearest, endpoints, shopIndex(), workload);
    snapshot.want(keyOf("shop", "pay"));
    const addresses = () => {
      snapshot.commit(0);
      const cluster = clusterOf(snapshot.view()?.targetByHost("pay.shop", 80));
      return [...new Set(Array.from({ length: 4 }, () => cluster.pick(0)?.address))].sort();
    };
    return { put, addresses };
  }

  it.each([
    ["its node", {}, "n3", ["10.0.0.2"]],
    ["its own label before its node", { "topology.istio.io/locality": "eu.a" }, "n3", ["10.0.0.1"]],
    ["nobody", {}, "n9", ["10.0.0.1", "10.0.0.2"]],
    ["nobody, without a node", {}, undefined, ["10.0.0.1", "10.0.0.2"]],
  ])("is told by %s", (_, labels, node, expected) => {
    expect(goes(labels, node, workloadObject("shop", "web", { localities })).addresses()).toEqual(expected);
  });

  it("is told of its like in other zones, and follows as they come and go", () => {
    let draws = 0;
    const random = () => (draws++ % 2 === 0 ? 0 : 0.9);
    const { put, addresses } = goes({}, "n1", workloadObject("shop", "web", { localities }), random);
    const byZones = { ...near, zoneAware: { minClusterSize: 1 } };
    put(service({ loadBalancer: { simple: "ROUND_ROBIN", locality: byZones } }));
    expect(addresses()).toEqual(["10.0.0.1", "10.0.0.2"]);
    const told = (...counts: [number, number]) =>
      put(
        workloadObject("shop", "web", {
          localities,
          zones: counts.map((pods, i) => ({ zone: i === 0 ? "eu/a" : "eu/b", pods })),
        }),
      );
    told(1, 1);
    expect(addresses()).toEqual(["10.0.0.1"]);
    told(3, 1);
    expect(addresses()).toEqual(["10.0.0.1", "10.0.0.2"]);
  });

  it("may be told later", () => {
    const { put, addresses } = goes({}, "n3", workloadObject("shop", "web"));
    expect(addresses()).toEqual(["10.0.0.1", "10.0.0.2"]);
    put(workloadObject("shop", "web", { localities }));
    expect(addresses()).toEqual(["10.0.0.2"]);
  });
});
