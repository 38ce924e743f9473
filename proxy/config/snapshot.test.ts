import { describe, expect, it } from "vitest";
import { payEndpoints, request, setup, shopIndex, toSubset } from "./snapshot.fixture.ts";
import {
  endpoint,
  endpointsObject,
  entry,
  indexObject,
  serviceObject,
  view,
  workloadObject,
} from "./testdata.ts";

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
