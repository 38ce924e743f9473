import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { apply, call, eventually, kubectl, onApply, tryApply } from "../support/e2e.ts";
import { Ledger, ledgerKinds } from "../support/ledger.ts";
import { canary, subsets } from "../support/mesh.ts";
import { balancingTests } from "./traffic/balancing.ts";
import { credentialTests } from "./traffic/credentials.ts";
import { levelTests } from "./traffic/levels.ts";
import { limitTests } from "./traffic/limits.ts";
import { matchTests } from "./traffic/matches.ts";
import { opaqueTests } from "./traffic/opaque.ts";
import { originationTests } from "./traffic/origination.ts";
import { outlierTests } from "./traffic/outliers.ts";
import { overviewTests } from "./traffic/overview.ts";
import { placementTests } from "./traffic/placement.ts";
import { policyTests } from "./traffic/policies.ts";
import { poolTests } from "./traffic/pools.ts";
import { protocolTests } from "./traffic/protocols.ts";
import { reachTests } from "./traffic/reach.ts";
import { routeTests } from "./traffic/routes.ts";
import { client, inForce, ns, startScene, url } from "./traffic/scene.ts";
import { tunnelTests } from "./traffic/tunnels.ts";

const ledger = new Ledger();
onApply((objects) => ledger.add(objects));

let scene: AsyncDisposable | undefined;
beforeAll(async () => {
  scene = await startScene();
});
afterAll(() => scene?.[Symbol.asyncDispose]());

describe("a canary", () => {
  it("splits 90/10 within what 2,000 requests allow, and sends x-canary to v2 alone", async () => {
    await apply(subsets(ns), canary(ns, 10));
    await inForce(url, "v2", { "x-canary": "true" });
    const split = await call(ns, client, url, { count: 2000, concurrency: 8 });
    expect(split.ok).toBe(2000);
    // Binomial(2000, 0.1): mean 200, standard deviation 13.4; five of them is one failure in two million runs.
    expect(split.byVersion.v2).toBeGreaterThan(200 - 67);
    expect(split.byVersion.v2).toBeLessThan(200 + 67);
  });

  it("progresses 5, 25, 50, 100 without losing a request", async () => {
    for (const weight of [5, 25, 50, 100]) {
      await apply(canary(ns, weight));
      const during = await call(ns, client, url, { count: 500, concurrency: 4 });
      expect(during.ok, JSON.stringify(during)).toBe(500);
    }
    await inForce(url, "v2");
  });

  it("keeps the old route when a VirtualService names a subset that does not exist yet", async () => {
    await apply(canary(ns, 0));
    await inForce(url, "v1");
    await kubectl(["delete", "virtualservice", "payment-service", "-n", ns]);
    await kubectl(["delete", "destinationrule", "payment-service", "-n", ns]);
    const spread = await call(ns, client, url, { count: 100 });
    expect(spread.ok).toBe(100);
  });
});

describe("without any rule", () => {
  it("spreads requests over all ready pods", async () => {
    const summary = await eventually("both versions served", async () => {
      const s = await call(ns, client, url, { count: 100 });
      return (s.byVersion.v1 ?? 0) > 20 && (s.byVersion.v2 ?? 0) > 20 && s;
    });
    expect(summary.ok).toBe(100);
  });

  it("lets calls to hosts outside the mesh through", async () => {
    const summary = await call(ns, client, "https://kubernetes.default.svc/healthz", {
      count: 1,
    });
    // The API server answers with a certificate that the application does not trust, or a status: not with a proxy's 502.
    expect(Object.keys(summary.byStatus)).not.toContain("502");
  });
});

describe("kubectl apply of a VirtualService that cannot work", () => {
  it("is refused with one line for each error, naming the field, what was found and what was expected", async () => {
    const output = await tryApply({
      apiVersion: "networking.istio.io/v1beta1",
      kind: "VirtualService",
      metadata: { name: "bad", namespace: ns },
      spec: {
        hosts: ["payment-service"],
        http: [
          {
            route: [
              { destination: { host: "payment-service", subset: "v1" }, weight: -5 },
              { destination: { host: "payment-service", subset: "v 2" }, weight: 10 },
            ],
          },
        ],
      },
    });
    expect(output.code).not.toBe(0);
    expect(output.stderr).toContain(`The VirtualService "bad" is invalid`);
    expect(output.stderr).toContain("spec.http[0].route[0].weight");
    expect(output.stderr).toContain("-5");
    expect(output.stderr).toContain("spec.http[0].route[1].destination.subset");
  });

  it("is admitted with a warning when it is only suspicious", async () => {
    const output = await tryApply({
      apiVersion: "networking.istio.io/v1beta1",
      kind: "VirtualService",
      metadata: { name: "suspicious", namespace: ns },
      spec: {
        hosts: ["order-service"],
        http: [
          { route: [{ destination: { host: "order-service" } }] },
          { route: [{ destination: { host: "order-service" } }] },
        ],
      },
    });
    expect(output.code).toBe(0);
    expect(output.stderr).toContain("Warning:");
    await kubectl(["delete", "virtualservice", "suspicious", "-n", ns]);
  });
});

describe("the overview", overviewTests);
describe("a match", matchTests);
describe("a route", routeTests);
describe("a route of opaque connections", opaqueTests);
describe("protocols", protocolTests);
describe("a load balancer", balancingTests);
describe("where endpoints are", placementTests);
describe("a connection pool", poolTests);
describe("outlier detection", outlierTests);
describe("TLS origination", originationTests);
describe("TLS origination by a credentialName", credentialTests);
describe("what is said before a connection", tunnelTests);
describe("the settings", levelTests);
describe("policies of the server's side", policyTests);
describe("whom rules are for, and hosts outside", reachTests);
describe("bounds and preferences", limitTests);

// Last: each of the tests above sets fields to show what they do on the wire.
describe("every field that is honoured", () => {
  it.each(ledgerKinds)("of %s has been set by a test above", (kind) => {
    expect(ledger.missing(kind)).toEqual([]);
  });
});
