import { describe, expect, it } from "vitest";
import { setup, shopIndex } from "./snapshot.fixture.ts";
import { Snapshot } from "./snapshot.ts";
import { entry, indexObject, workloadObject } from "./testdata.ts";

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
