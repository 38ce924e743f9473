/** The traffic manifests of examples/overview.yaml, applied as they stand, and what each does to requests on the wire. */
import { beforeEach, describe, expect, it } from "vitest";
import { apply, ask, call, eventually } from "../../support/e2e.ts";
import { subsets } from "../../support/mesh.ts";
import { applyOverview } from "../../support/overview.ts";
import { metric } from "./metric.ts";
import { clearMesh, client, inForce, istio, ns, url } from "./scene.ts";

/** Within five standard deviations of the share of so many: one failure in two million runs. */
function expectShare(found: number | undefined, of: number, share: number): void {
  const deviation = 5 * Math.sqrt(of * share * (1 - share));
  expect(found ?? 0).toBeGreaterThanOrEqual(Math.floor(of * share - deviation));
  expect(found ?? 0).toBeLessThanOrEqual(Math.ceil(of * share + deviation));
}

export function overviewTests(): void {
  beforeEach(clearMesh);

  describe("the overview's payment-service", () => {
    it("is balanced by LEAST_CONN, within its pools, over HTTP/2 between the sidecars", async () => {
      expect(await applyOverview(ns, "DestinationRule", "payment-service", "LEAST_CONN")).toBe("");
      const connections = () => metric("payment-v1", "weft_connections_total", { side: "inbound" });
      const before = await connections();
      // An endpoint with fewer requests under way is preferred, and one that was slow is avoided until that is forgotten; then
      // neither may starve.
      await eventually("an answer for each request, and requests for each endpoint", async () => {
        const { ok, byVersion } = await call(ns, client, url, { count: 400, concurrency: 32 });
        const { v1 = 0, v2 = 0 } = byVersion;
        return ok === 400 && v1 > 80 && v2 > 80;
      });
      // 16 requests at a time on HTTP/1.1 would be as many connections.
      expect((await connections()) - before).toBeLessThan(12);
    });

    it("sends its canary a tenth of the requests, and all that ask for it", async () => {
      expect(await applyOverview(ns, "DestinationRule", "payment-service", "subsets")).toBe("");
      expect(await applyOverview(ns, "VirtualService", "payment-service", "x-canary")).toBe("");
      await inForce(url, "v2", { "x-canary": "true" });
      const { ok, byVersion } = await call(ns, client, url, { count: 1000, concurrency: 8 });
      expect(ok).toBe(1000);
      expectShare(byVersion.v2, 1000, 0.1);
    });

    it("sets aside an endpoint that answers five 5xx in a row", async () => {
      expect(await applyOverview(ns, "DestinationRule", "payment-service", "outlierDetection")).toBe("");
      await eventually("every request answered by the endpoint that does not fail", async () => {
        const { byStatus, byVersion } = await call(ns, client, `${url}/flaky`, { count: 40 });
        return byStatus["200"] === 40 && byVersion.v1 === 40;
      });
    });

    it("is asked again up to three times, three seconds each, ten in all", async () => {
      expect(await applyOverview(ns, "VirtualService", "payment-service", "perTryTimeout")).toBe("");
      const asked = async () =>
        (await metric("payment-v1", "istio_requests_total", {
          reporter: "destination",
          response_code: "503",
        })) +
        (await metric("payment-v2", "istio_requests_total", {
          reporter: "destination",
          response_code: "503",
        }));
      await eventually("four tries of one request", async () => {
        const before = await asked();
        expect((await ask(ns, client, `${url}/status/503`)).status).toBe(503);
        return (await asked()) - before === 4;
      });
      const begun = Date.now();
      const late = await call(ns, client, `${url}/delay/20000`, { timeoutMs: 30_000 });
      expect(late.byStatus).toEqual({ "504": 1 });
      expect(late.latency_ms.max).toBeGreaterThan(9_900);
      expect(Date.now() - begun).toBeLessThan(15_000);
    });

    it("meets its faults: a tenth delayed by five seconds, a twentieth aborted", async () => {
      expect(await applyOverview(ns, "VirtualService", "payment-service", "fault")).toBe("");
      const meet = (count: number) => call(ns, client, url, { count, concurrency: count / 4 });
      await eventually("faults", async () => ((await meet(100)).byStatus["503"] ?? 0) > 0);
      // All of these begin when the faults are in force.
      const { byStatus, latency_ms } = await meet(1000);
      expectShare(byStatus["503"], 1000, 0.05);
      expect((byStatus["200"] ?? 0) + (byStatus["503"] ?? 0)).toBe(1000);
      expect(latency_ms.p50).toBeLessThan(4_000);
      expect(latency_ms.p99).toBeGreaterThan(4_990);
    });
  });

  describe("the overview's other services", () => {
    it("my-service is half of v1 and half of v2", async () => {
      expect(await applyOverview(ns, "VirtualService", "my-service")).toBe("");
      await apply(subsets(ns, "my-service"));
      await eventually("both versions, and no error", async () => {
        const { ok, byVersion } = await call(ns, client, "http://my-service:8080/", { count: 200 });
        return ok === 200 && (byVersion.v1 ?? 0) > 0 && (byVersion.v2 ?? 0) > 0;
      });
      const { byVersion } = await call(ns, client, "http://my-service:8080/", {
        count: 1000,
        concurrency: 8,
      });
      expectShare(byVersion.v2, 1000, 0.5);
    });

    it("recommendation-service is the new model for the beta group, and the old one for everybody else", async () => {
      const host = "recommendation-service";
      await apply(
        istio("DestinationRule", host, {
          host,
          subsets: ["v1", "v2"].map((version) => ({ name: `ml-${version}`, labels: { version } })),
        }),
      );
      expect(await applyOverview(ns, "VirtualService", host)).toBe("");
      await inForce(`http://${host}:8080/`, "v2", { "x-user-group": "beta" });
      await inForce(`http://${host}:8080/`, "v1", { "x-user-group": "alpha" });
      await inForce(`http://${host}:8080/`, "v1");
    });
  });
}
